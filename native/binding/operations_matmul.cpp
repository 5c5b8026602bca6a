#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/matmul/matmul.h"

namespace leia::binding {

void register_matmul(Napi::Object exports) {
  add_operation(exports, "matmul", [](Arguments& a) {
    return Matmul{.a = a.tensor("a"),
                  .b = a.tensor("b"),
                  .output = a.tensor("output"),
                  .transpose_a = a.boolean("transpose_a"),
                  .transpose_b = a.boolean("transpose_b"),
                  .accumulate = a.boolean("accumulate")};
  });
}

}  // namespace leia::binding
