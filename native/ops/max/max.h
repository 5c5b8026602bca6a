// The highest element over one dimension, of a tensor taken as [outer, size, inner], and where it
// is:
//
//   indices[o, i] = the first s with the highest input[o, s, i]
//   output[o, i]  = input[o, indices[o, i], i]
//
// Backward; the gradient goes to one element, also where others are equal to it:
//
//   grad_input[o, s, i] = grad_output[o, i] where s is indices[o, i], else 0
//
// NaN is above all numbers, as in PyTorch: where there is one, it is the highest, and the first one
// counts. Both zeros are equal. Saved for backward: indices.
#pragma once

#include "core/reduced_dimension.h"

namespace leia {

struct MaxForward {
  static constexpr const char* kName = "max_forward";
  Tensor input;    // [outer..., size, inner...], float32 or bfloat16
  Tensor output;   // [outer..., inner...] or [outer..., 1, inner...], dtype of input
  Tensor indices;  // as output, int32
  int64_t dimension;

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("output", self.output, Access::write);
    visit("indices", self.indices, Access::write);
    visit("dimension", self.dimension);
  }
};

struct MaxBackward {
  static constexpr const char* kName = "max_backward";
  Tensor grad_output;  // shape and dtype of output
  Tensor indices;      // as forward gave them
  Tensor grad_input;   // shape and dtype of input; overwritten
  int64_t dimension;

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("grad_output", self.grad_output, Access::read);
    visit("indices", self.indices, Access::read);
    visit("grad_input", self.grad_input, Access::write);
    visit("dimension", self.dimension);
  }
};

// The error for an index that is none of the dimension's.
std::string bad_index(const Tensor& indices, int64_t element, int32_t value, int64_t size);

void validate(const MaxForward& operation);
void validate(const MaxBackward& operation);

}  // namespace leia
