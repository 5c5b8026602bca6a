#include "ops/compare/compare.h"

#include "core/broadcast.h"

namespace leia {

void validate(const char* name, const CompareArguments& op) {
  require(op.a || op.b, name, ": a and b are numbers, expected a tensor");
  check_number(name, op.a ? "a" : "b", op.a ? op.a : op.b);
  if (op.a && op.b) check_dtype(name, "b", op.b, op.a.dtype);
  check_shape(name, "output", op.output, broadcast_shape(name, "a", op.a.shape, "b", op.b.shape));
  check_dtype(name, "output", op.output, DType::int32);
  check_apart(name, "output", op.output, "a", op.a);
  check_apart(name, "output", op.output, "b", op.b);
}

}  // namespace leia
