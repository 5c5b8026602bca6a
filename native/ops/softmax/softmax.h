// Softmax over the innermost dimension of size V:
//
//   output[r, v] = e^(input[r, v] - highest[r]) / sum_w e^(input[r, w] - highest[r])
//
// Backward, from the output alone:
//
//   grad_input[r, v] = output[r, v] * (grad_output[r, v] - sum_w grad_output[r, w] * output[r, w])
//
// As the highest of a row is subtracted first, no finite input overflows. Inputs of -infinity get
// 0. As in PyTorch, a row is NaN throughout that has a NaN or +infinity, or nothing but -infinity:
// it has no probabilities. Sums are float32 in an order that depends on the shape alone. Saved for
// backward: output.
#pragma once

#include "core/tensor.h"

namespace leia {

struct SoftmaxArguments {
  Tensor input;   // [..., V], float32 or bfloat16
  Tensor output;  // shape and dtype of input; may be input

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("output", self.output, Access::write);
  }
};

struct SoftmaxBackwardArguments {
  Tensor grad_output;  // shape and dtype of output
  Tensor output;       // [..., V], float32 or bfloat16
  Tensor grad_input;   // as output; overwritten; may be grad_output or output

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("grad_output", self.grad_output, Access::read);
    visit("output", self.output, Access::read);
    visit("grad_input", self.grad_input, Access::write);
  }
};

struct SoftmaxForward : SoftmaxArguments {
  static constexpr const char* kName = "softmax_forward";
};

struct SoftmaxBackward : SoftmaxBackwardArguments {
  static constexpr const char* kName = "softmax_backward";
};

void validate(const char* name, const SoftmaxArguments& operation);
void validate(const char* name, const SoftmaxBackwardArguments& operation);

inline void validate(const SoftmaxForward& operation) {
  validate(operation.kName, operation);
}
inline void validate(const SoftmaxBackward& operation) {
  validate(operation.kName, operation);
}

}  // namespace leia
