#include "ops/max/max.h"

namespace leia {

std::string bad_index(const Tensor& indices, int64_t element, int32_t value, int64_t size) {
  return text("index ", value, " at position ", position_of(indices.shape, element),
              ", expected 0 to ", size - 1);
}

void validate(const MaxForward& op) {
  check_float(op.kName, "input", op.input);
  check_reducible(op.kName, op.input, op.dimension);
  check_has_highest(op.kName, op.input, op.dimension);
  check_reduced(op.kName, "output", op.output, op.input.shape, op.dimension);
  check_dtype(op.kName, "output", op.output, op.input.dtype);
  check_shape(op.kName, "indices", op.indices, op.output.shape);
  check_dtype(op.kName, "indices", op.indices, DType::int32);
  check_apart(op.kName, "output", op.output, "input", op.input);
  check_apart(op.kName, "indices", op.indices, "input", op.input);
  check_apart(op.kName, "indices", op.indices, "output", op.output);
}

void validate(const MaxBackward& op) {
  check_float(op.kName, "grad_input", op.grad_input);
  check_reducible(op.kName, op.grad_input, op.dimension);
  check_has_highest(op.kName, op.grad_input, op.dimension);
  check_reduced(op.kName, "grad_output", op.grad_output, op.grad_input.shape, op.dimension);
  check_dtype(op.kName, "grad_output", op.grad_output, op.grad_input.dtype);
  check_shape(op.kName, "indices", op.indices, op.grad_output.shape);
  check_dtype(op.kName, "indices", op.indices, DType::int32);
  check_apart(op.kName, "grad_input", op.grad_input, "grad_output", op.grad_output);
  check_apart(op.kName, "grad_input", op.grad_input, "indices", op.indices);
}

}  // namespace leia
