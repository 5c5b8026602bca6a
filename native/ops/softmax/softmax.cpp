#include "ops/softmax/softmax.h"

#include "core/tensor_text.h"

namespace leia {

void validate(const SoftmaxForward& op) {
  check_float(op.kName, "input", op.input);
  require(op.input.shape.rank() >= 1, op.kName, ": input has shape ", op.input.shape,
          ", expected at least one dimension");
  check_like(op.kName, "output", op.output, op.input);
  check_same_or_apart(op.kName, "output", op.output, "input", op.input);
}

void validate(const SoftmaxBackward& op) {
  check_float(op.kName, "output", op.output);
  require(op.output.shape.rank() >= 1, op.kName, ": output has shape ", op.output.shape,
          ", expected at least one dimension");
  check_like(op.kName, "grad_output", op.grad_output, op.output);
  check_like(op.kName, "grad_input", op.grad_input, op.output);
  check_same_or_apart(op.kName, "grad_input", op.grad_input, "grad_output", op.grad_output);
  check_same_or_apart(op.kName, "grad_input", op.grad_input, "output", op.output);
}

}  // namespace leia
