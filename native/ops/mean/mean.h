// The mean over one dimension, of a tensor taken as [outer, size, inner]:
//
//   output[o, i] = sum_s input[o, s, i] / size
//
// Backward:
//
//   grad_input[o, s, i] = grad_output[o, i] / size
//
// The kernels are those of the sum (ops/sum), which divide at the end. No elements have the mean
// NaN.
#pragma once

#include "core/reduced_dimension.h"

namespace leia {

struct MeanForward {
  static constexpr const char* kName = "mean_forward";
  Tensor input;   // [outer..., size, inner...], float32 or bfloat16
  Tensor output;  // [outer..., inner...] or [outer..., 1, inner...], dtype of input
  int64_t dimension;

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("output", self.output, Access::write);
    visit("dimension", self.dimension);
  }
};

struct MeanBackward {
  static constexpr const char* kName = "mean_backward";
  Tensor grad_output;  // shape and dtype of output
  Tensor grad_input;   // shape and dtype of input; overwritten
  int64_t dimension;

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("grad_output", self.grad_output, Access::read);
    visit("grad_input", self.grad_input, Access::write);
    visit("dimension", self.dimension);
  }
};

void validate(const MeanForward& operation);
void validate(const MeanBackward& operation);

}  // namespace leia
