#include "ops/binary/binary.h"

#include "core/broadcast.h"
#include "core/tensor_text.h"

namespace leia {

namespace {

// Checks what is given of a and b, and gives the shape that they stretch to.
Shape check_operands(const char* name, const Tensor& a, const Tensor& b) {
  if (a) check_float(name, "a", a);
  if (b) check_float(name, "b", b);
  if (a && b) check_dtype(name, "b", b, a.dtype);
  return broadcast_shape(name, "a", a.shape, "b", b.shape);
}

}  // namespace

void validate(const char* name, const BinaryArguments& op) {
  require(op.a || op.b, name, ": a and b are numbers, expected a tensor");
  const Shape whole = check_operands(name, op.a, op.b);
  check_shape(name, "output", op.output, whole);
  check_dtype(name, "output", op.output, (op.a ? op.a : op.b).dtype);
  const auto check_output = [&](const char* operand_name, const Tensor& operand) {
    const auto check = operand.shape == whole ? check_same_or_apart : check_apart;
    if (operand) check(name, "output", op.output, operand_name, operand);
  };
  check_output("a", op.a);
  check_output("b", op.b);
}

void validate(const char* name, BinaryOperator kind, const BinaryBackwardArguments& op) {
  check_float(name, "grad_output", op.grad_output);
  const Shape& whole = op.grad_output.shape;
  const Shape stretched = check_operands(name, op.a, op.b);
  if (op.a && op.b) check_shape(name, "grad_output", op.grad_output, stretched);
  const auto check_operand = [&](const char* operand_name, const Tensor& operand) {
    if (!operand) return;
    check_stretches(name, operand_name, operand, "grad_output", whole);
    check_dtype(name, operand_name, operand, op.grad_output.dtype);
  };
  check_operand("a", op.a);
  check_operand("b", op.b);
  require(op.grad_a || op.grad_b, name, ": neither grad_a nor grad_b is given, expected one");
  for_gradients(name, kind, op, [&](const BinaryGradient& each) {
    const char* gradient_name = each.of_b ? "grad_b" : "grad_a";
    const char* operand_name = each.of_b ? "b" : "a";
    const Tensor& operand = each.of_b ? op.b : op.a;
    check_operand(gradient_name, each.gradient);
    if (operand) check_shape(name, gradient_name, each.gradient, operand.shape);
    const bool needs_itself = each.of_b ? each.needs_b() : each.needs_a();
    require(operand || !needs_itself, name, ": ", gradient_name, " is given without ", operand_name,
            ", expected both");
    check_apart(name, gradient_name, each.gradient, "grad_output", op.grad_output);
    check_apart(name, gradient_name, each.gradient, "a", op.a);
    check_apart(name, gradient_name, each.gradient, "b", op.b);
  });
  check_apart(name, "grad_b", op.grad_b, "grad_a", op.grad_a);
}

}  // namespace leia
