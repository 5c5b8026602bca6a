#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/gradient_norm/gradient_norm.h"

namespace leia::binding {

void register_gradient_norm(Napi::Object exports) {
  add_operation(exports, "gradientNorm", [](Arguments& a) {
    return GradientNorm{
        .gradients = a.tensors(), .max_norm = a.number(), .norm = a.tensor(), .scale = a.tensor()};
  });
}

}  // namespace leia::binding
