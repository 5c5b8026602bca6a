#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/cross_entropy/cross_entropy.h"

namespace leia::binding {

void register_cross_entropy(Napi::Object exports) {
  add_operation(exports, "crossEntropyForward", [](Arguments& a) {
    return CrossEntropyForward{
        .logits = a.tensor(), .labels = a.tensor(), .losses = a.tensor(), .logsumexp = a.tensor()};
  });
  add_operation(exports, "crossEntropyBackward", [](Arguments& a) {
    return CrossEntropyBackward{.logits = a.tensor(),
                                .labels = a.tensor(),
                                .logsumexp = a.tensor(),
                                .scale = a.real(),
                                .grad_logits = a.tensor()};
  });
}

}  // namespace leia::binding
