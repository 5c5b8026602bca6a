#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/residual_add/residual_add.h"

namespace leia::binding {

void register_residual_add(Napi::Object exports) {
  add_operation(exports, "residualAdd", [](Arguments& a) {
    return ResidualAdd{.a = a.tensor("a"), .b = a.tensor("b"), .output = a.tensor("output")};
  });
}

}  // namespace leia::binding
