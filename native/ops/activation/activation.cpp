#include "ops/activation/activation.h"

namespace leia {

void validate(const char* name, const ActivationArguments& op) {
  check_float(name, "input", op.input);
  check_like(name, "output", op.output, op.input);
  check_same_or_apart(name, "output", op.output, "input", op.input);
}

void validate(const char* name, const ActivationBackwardArguments& op) {
  check_float(name, "input", op.input);
  check_like(name, "grad_output", op.grad_output, op.input);
  check_like(name, "grad_input", op.grad_input, op.input);
  check_same_or_apart(name, "grad_input", op.grad_input, "grad_output", op.grad_output);
  check_same_or_apart(name, "grad_input", op.grad_input, "input", op.input);
}

}  // namespace leia
