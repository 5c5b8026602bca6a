#include "ops/sum/sum.h"

namespace leia {

void validate(const SumForward& op) {
  check_float(op.kName, "input", op.input);
  check_reducible(op.kName, op.input, op.dimension);
  check_reduced(op.kName, "output", op.output, op.input.shape, op.dimension);
  check_dtype(op.kName, "output", op.output, op.input.dtype);
  check_apart(op.kName, "output", op.output, "input", op.input);
}

void validate(const SumBackward& op) {
  check_float(op.kName, "grad_input", op.grad_input);
  check_reducible(op.kName, op.grad_input, op.dimension);
  check_reduced(op.kName, "grad_output", op.grad_output, op.grad_input.shape, op.dimension);
  check_dtype(op.kName, "grad_output", op.grad_output, op.grad_input.dtype);
  check_apart(op.kName, "grad_input", op.grad_input, "grad_output", op.grad_output);
}

}  // namespace leia
