#include "ops/softmax/softmax.h"

#include "core/tensor_text.h"

namespace leia {

void validate(const char* name, const SoftmaxArguments& op) {
  check_float(name, "input", op.input);
  require(op.input.shape.rank() >= 1, name, ": input has shape ", op.input.shape,
          ", expected at least one dimension");
  check_like(name, "output", op.output, op.input);
  check_same_or_apart(name, "output", op.output, "input", op.input);
}

void validate(const char* name, const SoftmaxBackwardArguments& op) {
  check_float(name, "output", op.output);
  require(op.output.shape.rank() >= 1, name, ": output has shape ", op.output.shape,
          ", expected at least one dimension");
  check_like(name, "grad_output", op.grad_output, op.output);
  check_like(name, "grad_input", op.grad_input, op.output);
  check_same_or_apart(name, "grad_input", op.grad_input, "grad_output", op.grad_output);
  check_same_or_apart(name, "grad_input", op.grad_input, "output", op.output);
}

}  // namespace leia
