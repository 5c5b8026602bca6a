#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/cross_entropy/cross_entropy.h"

namespace leia::binding {

void register_cross_entropy(Napi::Object exports) {
  add_operation(exports, "crossEntropyForward", [](Arguments& a) {
    return CrossEntropyForward{.logits = a.tensor("logits"),
                               .labels = a.tensor("labels"),
                               .losses = a.tensor("losses"),
                               .logsumexp = a.tensor("logsumexp")};
  });
  add_operation(exports, "crossEntropyBackward", [](Arguments& a) {
    return CrossEntropyBackward{.logits = a.tensor("logits"),
                                .labels = a.tensor("labels"),
                                .logsumexp = a.tensor("logsumexp"),
                                .scale = a.real("scale"),
                                .grad_logits = a.tensor("grad_logits")};
  });
  add_operation(exports, "crossEntropy", [](Arguments& a) {
    return CrossEntropy{.logits = a.tensor("logits"),
                        .labels = a.tensor("labels"),
                        .scale = a.real("scale"),
                        .losses = a.tensor("losses"),
                        .grad_logits = a.tensor("grad_logits")};
  });
}

}  // namespace leia::binding
