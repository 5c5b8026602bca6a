#include "ops/swiglu/swiglu.h"

namespace leia {

void validate(const SwigluForward& op) {
  check_float(op.kName, "gate", op.gate);
  check_like(op.kName, "up", op.up, op.gate);
  check_like(op.kName, "output", op.output, op.gate);
  check_same_or_apart(op.kName, "output", op.output, "gate", op.gate);
  check_same_or_apart(op.kName, "output", op.output, "up", op.up);
}

void validate(const SwigluBackward& op) {
  check_float(op.kName, "gate", op.gate);
  check_like(op.kName, "up", op.up, op.gate);
  check_like(op.kName, "grad_output", op.grad_output, op.gate);
  const auto check_output = [&](const char* name, const Tensor& output) {
    check_like(op.kName, name, output, op.gate);
    check_same_or_apart(op.kName, name, output, "grad_output", op.grad_output);
    check_same_or_apart(op.kName, name, output, "gate", op.gate);
    check_same_or_apart(op.kName, name, output, "up", op.up);
  };
  check_output("grad_gate", op.grad_gate);
  check_output("grad_up", op.grad_up);
  check_apart(op.kName, "grad_up", op.grad_up, "grad_gate", op.grad_gate);
}

}  // namespace leia
