#include "ops/sum/sum.h"

namespace leia {

void validate(const char* name, const SumArguments& op) {
  check_float(name, "input", op.input);
  check_reducible(name, op.input, op.dimension);
  check_reduced(name, "output", op.output, op.input.shape, op.dimension);
  check_dtype(name, "output", op.output, op.input.dtype);
  check_apart(name, "output", op.output, "input", op.input);
}

void validate(const char* name, const SumBackwardArguments& op) {
  check_float(name, "grad_input", op.grad_input);
  check_reducible(name, op.grad_input, op.dimension);
  check_reduced(name, "grad_output", op.grad_output, op.grad_input.shape, op.dimension);
  check_dtype(name, "grad_output", op.grad_output, op.grad_input.dtype);
  check_apart(name, "grad_input", op.grad_input, "grad_output", op.grad_output);
}

}  // namespace leia
