#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/flash_attention/flash_attention.h"

namespace leia::binding {

void register_flash_attention(Napi::Object exports) {
  add_operation(exports, "flashAttentionForward", [](Arguments& a) {
    return FlashAttentionForward{.query = a.tensor(),
                                 .key = a.tensor(),
                                 .value = a.tensor(),
                                 .document_starts = a.optional_tensor(),
                                 .output = a.tensor(),
                                 .logsumexp = a.tensor(),
                                 .options = {.causal = a.boolean(), .scale = a.real()}};
  });
  add_operation(exports, "flashAttentionBackward", [](Arguments& a) {
    return FlashAttentionBackward{.grad_output = a.tensor(),
                                  .query = a.tensor(),
                                  .key = a.tensor(),
                                  .value = a.tensor(),
                                  .document_starts = a.optional_tensor(),
                                  .output = a.tensor(),
                                  .logsumexp = a.tensor(),
                                  .grad_query = a.tensor(),
                                  .grad_key = a.tensor(),
                                  .grad_value = a.tensor(),
                                  .options = {.causal = a.boolean(), .scale = a.real()}};
  });
}

}  // namespace leia::binding
