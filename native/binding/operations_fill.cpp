#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/fill/fill.h"

namespace leia::binding {

void register_fill(Napi::Object exports) {
  add_operation(exports, "fill", [](Arguments& a) {
    return Fill{.output = a.tensor("output"), .value = a.number("value")};
  });
}

}  // namespace leia::binding
