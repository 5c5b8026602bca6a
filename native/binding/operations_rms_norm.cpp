#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/rms_norm/rms_norm.h"

namespace leia::binding {

void register_rms_norm(Napi::Object exports) {
  add_operation(exports, "rmsNormForward", [](Arguments& a) {
    return RmsNormForward{.input = a.tensor(),
                          .weight = a.tensor(),
                          .output = a.tensor(),
                          .inverse_rms = a.tensor(),
                          .epsilon = a.real()};
  });
  add_operation(exports, "rmsNormBackward", [](Arguments& a) {
    return RmsNormBackward{.grad_output = a.tensor(),
                           .input = a.tensor(),
                           .weight = a.tensor(),
                           .inverse_rms = a.tensor(),
                           .grad_input = a.tensor(),
                           .grad_weight = a.tensor()};
  });
}

}  // namespace leia::binding
