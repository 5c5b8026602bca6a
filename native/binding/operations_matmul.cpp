#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/matmul/matmul.h"

namespace leia::binding {

void register_matmul(Napi::Object exports) {
  add_operation(exports, "matmul", [](Arguments& a) {
    return Matmul{.a = a.tensor(),
                  .b = a.tensor(),
                  .output = a.tensor(),
                  .transpose_a = a.boolean(),
                  .transpose_b = a.boolean(),
                  .accumulate = a.boolean()};
  });
}

}  // namespace leia::binding
