#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/cast/cast.h"

namespace leia::binding {

void register_cast(Napi::Object exports) {
  add_operation(exports, "cast", [](Arguments& a) {
    return Cast{.input = a.tensor("input"), .output = a.tensor("output")};
  });
}

}  // namespace leia::binding
