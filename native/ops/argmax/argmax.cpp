#include "ops/argmax/argmax.h"

namespace leia {

void validate(const Argmax& op) {
  check_float(op.kName, "input", op.input);
  check_reducible(op.kName, op.input, op.dimension);
  check_has_highest(op.kName, op.input, op.dimension);
  check_reduced(op.kName, "indices", op.indices, op.input.shape, op.dimension);
  check_dtype(op.kName, "indices", op.indices, DType::int32);
  check_apart(op.kName, "indices", op.indices, "input", op.input);
}

}  // namespace leia
