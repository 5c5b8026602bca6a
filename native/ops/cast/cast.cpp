#include "ops/cast/cast.h"

namespace leia {

void validate(const Cast& op) {
  check_shape(op.kName, "output", op.output, op.input.shape);
  const bool possible = (op.input.dtype == DType::int32) == (op.output.dtype == DType::int32);
  require(possible, op.kName, ": input is ", name_of(op.input.dtype), " and output is ",
          name_of(op.output.dtype), ", expected two float dtypes or int32 twice");
  check_apart(op.kName, "output", op.output, "input", op.input);
}

}  // namespace leia
