#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/flash_attention/flash_attention.h"

namespace leia::binding {

void register_flash_attention(Napi::Object exports) {
  add_operation(exports, "flashAttentionForward", [](Arguments& a) {
    return FlashAttentionForward{
        .query = a.tensor("query"),
        .key = a.tensor("key"),
        .value = a.tensor("value"),
        .document_starts = a.optional_tensor("document_starts"),
        .output = a.tensor("output"),
        .logsumexp = a.tensor("logsumexp"),
        .options = {.causal = a.boolean("causal"), .scale = a.real("scale")}};
  });
  add_operation(exports, "flashAttentionBackward", [](Arguments& a) {
    return FlashAttentionBackward{
        .grad_output = a.tensor("grad_output"),
        .query = a.tensor("query"),
        .key = a.tensor("key"),
        .value = a.tensor("value"),
        .document_starts = a.optional_tensor("document_starts"),
        .output = a.tensor("output"),
        .logsumexp = a.tensor("logsumexp"),
        .grad_query = a.tensor("grad_query"),
        .grad_key = a.tensor("grad_key"),
        .grad_value = a.tensor("grad_value"),
        .options = {.causal = a.boolean("causal"), .scale = a.real("scale")}};
  });
}

}  // namespace leia::binding
