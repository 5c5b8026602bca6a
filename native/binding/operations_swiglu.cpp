#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/swiglu/swiglu.h"

namespace leia::binding {

void register_swiglu(Napi::Object exports) {
  add_operation(exports, "swigluForward", [](Arguments& a) {
    return SwigluForward{.gate = a.tensor(), .up = a.tensor(), .output = a.tensor()};
  });
  add_operation(exports, "swigluBackward", [](Arguments& a) {
    return SwigluBackward{.grad_output = a.tensor(),
                          .gate = a.tensor(),
                          .up = a.tensor(),
                          .grad_gate = a.tensor(),
                          .grad_up = a.tensor()};
  });
}

}  // namespace leia::binding
