// RMSNorm (Zhang & Sennrich 2019), over the innermost dimension of size H:
//
//   inverse_rms[r] = 1 / sqrt(mean_i(input[r, i]^2) + epsilon)
//   output[r, i]   = input[r, i] * inverse_rms[r] * weight[i]
//
// Backward, with g = grad_output * weight and x = input * inverse_rms:
//
//   grad_input[r, i]  = inverse_rms[r] * (g[r, i] - x[r, i] * mean_j(g[r, j] * x[r, j]))
//   grad_weight[i]   += sum_r grad_output[r, i] * x[r, i]
//
// A norm that follows a residual connection adds first: sum = input + residual, rounded to its
// dtype, takes the place of input above and is kept, as the residual stream and for backward. In
// backward, `input` is that sum, and grad_sum, its gradient from elsewhere, is added to grad_input.
//
// Sums are float32 in an order that depends on the shape alone. Saved for backward: inverse_rms.
#pragma once

#include "core/tensor.h"

namespace leia {

struct RmsNormForward {
  static constexpr const char* kName = "rms_norm_forward";
  Tensor input;        // [..., H], float32 or bfloat16
  Tensor weight;       // [H], dtype of input
  Tensor residual;     // shape and dtype of input; optional, together with sum
  Tensor sum;          // shape and dtype of input; may be input or residual
  Tensor output;       // shape and dtype of input; may be input
  Tensor inverse_rms;  // [rows], float32
  float epsilon;

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("weight", self.weight, Access::read);
    visit("residual", self.residual, Access::read, kOptional);
    visit("sum", self.sum, Access::write, kOptional);
    visit("output", self.output, Access::write);
    visit("inverse_rms", self.inverse_rms, Access::write);
    visit("epsilon", self.epsilon);
  }
};

struct RmsNormBackward {
  static constexpr const char* kName = "rms_norm_backward";
  Tensor grad_output;  // shape and dtype of input
  Tensor input;        // [..., H], float32 or bfloat16
  Tensor weight;       // [H], dtype of input
  Tensor inverse_rms;  // [rows], float32
  Tensor grad_sum;     // shape and dtype of input; optional
  Tensor grad_input;   // as input; overwritten; may be grad_output, input or grad_sum
  Tensor grad_weight;  // [H], float32; added to; optional, as for a frozen weight

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("grad_output", self.grad_output, Access::read);
    visit("input", self.input, Access::read);
    visit("weight", self.weight, Access::read);
    visit("inverse_rms", self.inverse_rms, Access::read);
    visit("grad_sum", self.grad_sum, Access::read, kOptional);
    visit("grad_input", self.grad_input, Access::write);
    visit("grad_weight", self.grad_weight, Access::update, kOptional);
  }
};

void validate(const RmsNormForward& operation);
void validate(const RmsNormBackward& operation);

}  // namespace leia
