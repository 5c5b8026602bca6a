#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/embedding/embedding.h"

namespace leia::binding {

void register_embedding(Napi::Object exports) {
  add_operation(exports, "embeddingForward", [](Arguments& a) {
    return EmbeddingForward{
        .ids = a.tensor("ids"), .weight = a.tensor("weight"), .output = a.tensor("output")};
  });
  add_operation(exports, "embeddingBackward", [](Arguments& a) {
    return EmbeddingBackward{.grad_output = a.tensor("grad_output"),
                             .ids = a.tensor("ids"),
                             .grad_weight = a.tensor("grad_weight")};
  });
}

}  // namespace leia::binding
