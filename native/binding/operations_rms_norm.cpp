#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/rms_norm/rms_norm.h"

namespace leia::binding {

void register_rms_norm(Napi::Object exports) {
  add_operation(exports, "rmsNormForward", [](Arguments& a) {
    return RmsNormForward{.input = a.tensor("input"),
                          .weight = a.tensor("weight"),
                          .residual = a.optional_tensor("residual"),
                          .sum = a.optional_tensor("sum"),
                          .output = a.tensor("output"),
                          .inverse_rms = a.tensor("inverse_rms"),
                          .epsilon = a.real("epsilon")};
  });
  add_operation(exports, "rmsNormBackward", [](Arguments& a) {
    return RmsNormBackward{.grad_output = a.tensor("grad_output"),
                           .input = a.tensor("input"),
                           .weight = a.tensor("weight"),
                           .inverse_rms = a.tensor("inverse_rms"),
                           .grad_sum = a.optional_tensor("grad_sum"),
                           .grad_input = a.tensor("grad_input"),
                           .grad_weight = a.tensor("grad_weight")};
  });
}

}  // namespace leia::binding
