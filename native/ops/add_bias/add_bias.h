// output[r, i] = input[r, i] + bias[i], in float32. Backward: the input's gradient is grad_output
// itself, and
//
//   grad_bias[i] += sum_r grad_output[r, i]
//
// in float32 and in an order that depends on the shape alone.
#pragma once

#include "core/tensor.h"

namespace leia {

struct AddBias {
  static constexpr const char* kName = "add_bias";
  Tensor input;   // [..., H], float32 or bfloat16
  Tensor bias;    // [H], dtype of input
  Tensor output;  // shape and dtype of input; may be input

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("bias", self.bias, Access::read);
    visit("output", self.output, Access::write);
  }
};

struct AddBiasBackward {
  static constexpr const char* kName = "add_bias_backward";
  Tensor grad_output;  // [..., H], float32 or bfloat16
  Tensor grad_bias;    // [H], float32; added to

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("grad_output", self.grad_output, Access::read);
    visit("grad_bias", self.grad_bias, Access::update);
  }
};

void validate(const AddBias& operation);
void validate(const AddBiasBackward& operation);

}  // namespace leia
