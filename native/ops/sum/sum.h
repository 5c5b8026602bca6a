// The sum over one dimension, of a tensor taken as [outer, size, inner]:
//
//   output[o, i] = sum_s input[o, s, i]
//
// Backward:
//
//   grad_input[o, s, i] = grad_output[o, i]
//
// Chunks of the dimension are added in float32 and their sums in float64, in an order that depends
// on the shape alone. No elements have the sum 0; a NaN makes its sum NaN.
#pragma once

#include "core/reduced_dimension.h"

namespace leia {

struct SumForward {
  static constexpr const char* kName = "sum_forward";
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

struct SumBackward {
  static constexpr const char* kName = "sum_backward";
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

void validate(const SumForward& operation);
void validate(const SumBackward& operation);

}  // namespace leia
