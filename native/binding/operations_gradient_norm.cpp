#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/gradient_norm/gradient_norm.h"

namespace leia::binding {

void register_gradient_norm(Napi::Object exports) {
  add_operation(exports, "gradientNorm", [](Arguments& a) {
    return GradientNorm{.gradients = a.tensors("gradients"),
                        .max_norm = a.number("max_norm"),
                        .norm = a.tensor("norm"),
                        .scale = a.tensor("scale")};
  });
}

}  // namespace leia::binding
