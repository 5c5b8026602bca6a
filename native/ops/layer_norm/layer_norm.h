// LayerNorm (Ba, Kiros & Hinton 2016), over the innermost dimension of size H:
//
//   mean[r]              = mean_i(input[r, i])
//   inverse_deviation[r] = 1 / sqrt(mean_i((input[r, i] - mean[r])^2) + epsilon)
//   output[r, i]         = (input[r, i] - mean[r]) * inverse_deviation[r] * weight[i] + bias[i]
//
// Backward, with g = grad_output * weight and x = (input - mean) * inverse_deviation:
//
//   grad_input[r, i]  = inverse_deviation[r] * (g[r, i] - mean_j(g[r, j])
//                                               - x[r, i] * mean_j(g[r, j] * x[r, j]))
//   grad_weight[i]   += sum_r grad_output[r, i] * x[r, i]
//   grad_bias[i]     += sum_r grad_output[r, i]
//
// The deviations are taken from a first sum's mean, and what that mean is off by, which is the mean
// of the deviations, is taken from them and from their squares (the corrected two-pass algorithm of
// Chan, Golub & LeVeque 1983). So a mean that is large beside the deviation costs the output
// nothing. Backward knows the mean as the float32 that is saved.
//
// Sums are float32 in an order that depends on the shape alone. Saved for backward: mean and
// inverse_deviation.
#pragma once

#include "core/tensor.h"

namespace leia {

struct LayerNormForward {
  static constexpr const char* kName = "layer_norm_forward";
  Tensor input;              // [..., H], float32 or bfloat16
  Tensor weight;             // [H], dtype of input
  Tensor bias;               // [H], dtype of input; optional
  Tensor output;             // shape and dtype of input; may be input
  Tensor mean;               // [rows], float32
  Tensor inverse_deviation;  // [rows], float32
  float epsilon;

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("weight", self.weight, Access::read);
    visit("bias", self.bias, Access::read, kOptional);
    visit("output", self.output, Access::write);
    visit("mean", self.mean, Access::write);
    visit("inverse_deviation", self.inverse_deviation, Access::write);
    visit("epsilon", self.epsilon);
  }
};

struct LayerNormBackward {
  static constexpr const char* kName = "layer_norm_backward";
  Tensor grad_output;        // shape and dtype of input
  Tensor input;              // [..., H], float32 or bfloat16
  Tensor weight;             // [H], dtype of input
  Tensor mean;               // [rows], float32
  Tensor inverse_deviation;  // [rows], float32
  Tensor grad_input;         // as input; overwritten; may be grad_output or input
  Tensor grad_weight;        // [H], float32; added to; optional, as for a frozen weight
  Tensor grad_bias;          // [H], float32; added to; optional

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("grad_output", self.grad_output, Access::read);
    visit("input", self.input, Access::read);
    visit("weight", self.weight, Access::read);
    visit("mean", self.mean, Access::read);
    visit("inverse_deviation", self.inverse_deviation, Access::read);
    visit("grad_input", self.grad_input, Access::write);
    visit("grad_weight", self.grad_weight, Access::update, kOptional);
    visit("grad_bias", self.grad_bias, Access::update, kOptional);
  }
};

void validate(const LayerNormForward& operation);
void validate(const LayerNormBackward& operation);

}  // namespace leia
