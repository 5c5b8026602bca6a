#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/swiglu/swiglu.h"

namespace leia::binding {

void register_swiglu(Napi::Object exports) {
  add_operation(exports, "swigluForward", [](Arguments& a) {
    return SwigluForward{
        .gate = a.tensor("gate"), .up = a.tensor("up"), .output = a.tensor("output")};
  });
  add_operation(exports, "swigluBackward", [](Arguments& a) {
    return SwigluBackward{.grad_output = a.tensor("grad_output"),
                          .gate = a.tensor("gate"),
                          .up = a.tensor("up"),
                          .grad_gate = a.tensor("grad_gate"),
                          .grad_up = a.tensor("grad_up")};
  });
}

}  // namespace leia::binding
