// Arithmetic of two tensors, or of a tensor and a number, element by element in float32:
//
//   add       output = a + b       grad_a = grad_output         grad_b = grad_output
//   subtract  output = a - b       grad_a = grad_output         grad_b = -grad_output
//   multiply  output = a * b       grad_a = grad_output * b     grad_b = grad_output * a
//   divide    output = a / b       grad_a = grad_output / b     grad_b = -grad_output * (a / b) / b
//
// The shapes of a and b are broadcast (core/broadcast.h). The gradient of an operand that was
// stretched is summed over the stretched dimensions, in float32 and in an order that depends on the
// shapes alone.
#pragma once

#include "core/tensor.h"

namespace leia {

enum class BinaryOperator { add, subtract, multiply, divide };

// One of a and b may be left out: `number` stands for it.
struct BinaryArguments {
  Tensor a;  // any shape, float32 or bfloat16
  Tensor b;  // dtype of a, a shape that broadcasts with a's
  double number;
  Tensor output;  // dtype of a, the shape that both stretch to; may be one of them that has it
};

// The gradients of one operand or of both. What a gradient needs of a and b is above: values that
// it does not need may be left out, and for those left out that it needs `number` stands.
struct BinaryBackwardArguments {
  Tensor grad_output;  // shape and dtype of output
  Tensor a, b;         // as in forward
  double number;
  Tensor grad_a, grad_b;  // as a and b; overwritten
};

template <BinaryOperator Operator>
struct Binary : BinaryArguments {
  static constexpr BinaryOperator kOperator = Operator;
  static constexpr const char* kNames[] = {"add", "subtract", "multiply", "divide"};
  static constexpr const char* kName = kNames[static_cast<int>(Operator)];

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("a", self.a, Access::read, kOptional);
    visit("b", self.b, Access::read, kOptional);
    visit("number", self.number);
    visit("output", self.output, Access::write);
  }
};

template <BinaryOperator Operator>
struct BinaryBackward : BinaryBackwardArguments {
  static constexpr BinaryOperator kOperator = Operator;
  static constexpr const char* kNames[] = {"add_backward", "subtract_backward", "multiply_backward",
                                           "divide_backward"};
  static constexpr const char* kName = kNames[static_cast<int>(Operator)];

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("grad_output", self.grad_output, Access::read);
    visit("a", self.a, Access::read, kOptional);
    visit("b", self.b, Access::read, kOptional);
    visit("number", self.number);
    visit("grad_a", self.grad_a, Access::write, kOptional);
    visit("grad_b", self.grad_b, Access::write, kOptional);
  }
};

using Add = Binary<BinaryOperator::add>;
using Subtract = Binary<BinaryOperator::subtract>;
using Multiply = Binary<BinaryOperator::multiply>;
using Divide = Binary<BinaryOperator::divide>;
using AddBackward = BinaryBackward<BinaryOperator::add>;
using SubtractBackward = BinaryBackward<BinaryOperator::subtract>;
using MultiplyBackward = BinaryBackward<BinaryOperator::multiply>;
using DivideBackward = BinaryBackward<BinaryOperator::divide>;

void validate(const char* name, const BinaryArguments& operation);
void validate(const char* name, BinaryOperator kind, const BinaryBackwardArguments& operation);

template <BinaryOperator Operator>
void validate(const Binary<Operator>& operation) {
  validate(operation.kName, operation);
}

template <BinaryOperator Operator>
void validate(const BinaryBackward<Operator>& operation) {
  validate(operation.kName, Operator, operation);
}

// The gradient of one operand, as the kernels take it.
struct BinaryGradient {
  const char* name;  // of the operation
  BinaryOperator kind;
  bool of_b;
  Tensor grad_output, a, b;  // a and b: empty where `number` stands for them or nobody needs them
  float number;
  Tensor gradient;
  bool accumulate;  // gradient is float32 and added to, instead of overwritten

  // Whether the gradient depends on the values of a, and on those of b.
  bool needs_a() const { return of_b && kind >= BinaryOperator::multiply; }
  bool needs_b() const {
    return kind == BinaryOperator::divide || (!of_b && kind == BinaryOperator::multiply);
  }
};

// Calls visit with each gradient that the backward of that kind is asked for.
template <class Visit>
void for_gradients(const char* name, BinaryOperator kind, const BinaryBackwardArguments& op,
                   Visit&& visit) {
  for (const bool of_b : {false, true}) {
    const Tensor& gradient = of_b ? op.grad_b : op.grad_a;
    if (!gradient) continue;
    visit(BinaryGradient{.name = name,
                         .kind = kind,
                         .of_b = of_b,
                         .grad_output = op.grad_output,
                         .a = op.a,
                         .b = op.b,
                         .number = static_cast<float>(op.number),
                         .gradient = gradient,
                         .accumulate = false});
  }
}

}  // namespace leia
