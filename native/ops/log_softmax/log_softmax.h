// The logarithm of softmax over the innermost dimension of size V:
//
//   output[r, v] = input[r, v] - highest[r] - log(sum_w e^(input[r, w] - highest[r]))
//
// Backward, from the output alone:
//
//   grad_input[r, v] = grad_output[r, v] - e^output[r, v] * sum_w grad_output[r, w]
//
// As the highest of a row is subtracted first, no finite input overflows. Inputs of -infinity stay
// what they are. As in PyTorch, a row is NaN throughout that has a NaN or +infinity, or nothing but
// -infinity. Sums are float32 in an order that depends on the shape alone. Saved for backward:
// output. The kernels are those of softmax (ops/softmax), which differ in their last line.
#pragma once

#include "core/tensor.h"

namespace leia {

struct LogSoftmaxForward {
  static constexpr const char* kName = "log_softmax_forward";
  Tensor input;   // [..., V], float32 or bfloat16
  Tensor output;  // shape and dtype of input; may be input

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("output", self.output, Access::write);
  }
};

struct LogSoftmaxBackward {
  static constexpr const char* kName = "log_softmax_backward";
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

void validate(const LogSoftmaxForward& operation);
void validate(const LogSoftmaxBackward& operation);

}  // namespace leia
