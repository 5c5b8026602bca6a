#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/embedding/embedding.h"

namespace leia::binding {

void register_embedding(Napi::Object exports) {
  add_operation(exports, "embeddingForward", [](Arguments& a) {
    return EmbeddingForward{.ids = a.tensor(), .weight = a.tensor(), .output = a.tensor()};
  });
  add_operation(exports, "embeddingBackward", [](Arguments& a) {
    return EmbeddingBackward{
        .grad_output = a.tensor(), .ids = a.tensor(), .grad_weight = a.tensor()};
  });
}

}  // namespace leia::binding
