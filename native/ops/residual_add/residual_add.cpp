#include "ops/residual_add/residual_add.h"

namespace leia {

void validate(const ResidualAdd& op) {
  check_float(op.kName, "a", op.a);
  check_like(op.kName, "b", op.b, op.a);
  check_like(op.kName, "output", op.output, op.a);
  check_same_or_apart(op.kName, "output", op.output, "a", op.a);
  check_same_or_apart(op.kName, "output", op.output, "b", op.b);
}

}  // namespace leia
