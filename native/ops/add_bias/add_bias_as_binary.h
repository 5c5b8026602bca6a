// Adding a bias is an addition that broadcasts, and its gradient is that of the stretched operand:
// the kernels are those of ops/binary.
#pragma once

#include "ops/add_bias/add_bias.h"
#include "ops/binary/binary_kernels.h"

namespace leia {

inline BinaryArguments as_binary(const AddBias& op) {
  return {.a = op.input, .b = op.bias, .number = 0, .output = op.output};
}

inline BinaryGradient as_gradient(const AddBiasBackward& op) {
  return {.name = op.kName,
          .kind = BinaryOperator::add,
          .of_b = true,
          .grad_output = op.grad_output,
          .a = {},
          .b = {},
          .number = 0,
          .gradient = op.grad_bias,
          .accumulate = true};
}

}  // namespace leia
