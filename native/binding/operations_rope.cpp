#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/rope/rope.h"

namespace leia::binding {

void register_rope(Napi::Object exports) {
  add_operation(exports, "ropeForward", [](Arguments& a) {
    return RopeForward{.input = a.tensor("input"),
                       .cos = a.tensor("cos"),
                       .sin = a.tensor("sin"),
                       .positions = a.optional_tensor("positions"),
                       .output = a.tensor("output")};
  });
  add_operation(exports, "ropeBackward", [](Arguments& a) {
    return RopeBackward{.grad_output = a.tensor("grad_output"),
                        .cos = a.tensor("cos"),
                        .sin = a.tensor("sin"),
                        .positions = a.optional_tensor("positions"),
                        .grad_input = a.tensor("grad_input")};
  });
}

}  // namespace leia::binding
