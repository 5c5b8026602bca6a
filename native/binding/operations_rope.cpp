#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/rope/rope.h"

namespace leia::binding {

void register_rope(Napi::Object exports) {
  add_operation(exports, "ropeForward", [](Arguments& a) {
    return RopeForward{.input = a.tensor(),
                       .cos = a.tensor(),
                       .sin = a.tensor(),
                       .positions = a.optional_tensor(),
                       .output = a.tensor()};
  });
  add_operation(exports, "ropeBackward", [](Arguments& a) {
    return RopeBackward{.grad_output = a.tensor(),
                        .cos = a.tensor(),
                        .sin = a.tensor(),
                        .positions = a.optional_tensor(),
                        .grad_input = a.tensor()};
  });
}

}  // namespace leia::binding
