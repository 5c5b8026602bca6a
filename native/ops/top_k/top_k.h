// The k highest elements of each row, the innermost dimension, and where they are: the highest
// first, of equal ones the one with the lower index.
//
//   indices[r, j] = where the j-th of that order is
//   output[r, j]  = input[r, indices[r, j]]
//
// Backward:
//
//   grad_input[r, i] = grad_output[r, j] where indices[r, j] is i, else 0
//
// NaN is above all numbers, as in PyTorch; both zeros are equal. Saved for backward: indices.
#pragma once

#include "core/tensor.h"

namespace leia {

struct TopKForward {
  static constexpr const char* kName = "top_k_forward";
  Tensor input;    // [..., size], float32 or bfloat16
  Tensor output;   // [..., k], dtype of input
  Tensor indices;  // [..., k], int32
  int64_t k;       // 1 to size

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("output", self.output, Access::write);
    visit("indices", self.indices, Access::write);
    visit("k", self.k);
  }
};

struct TopKBackward {
  static constexpr const char* kName = "top_k_backward";
  Tensor grad_output;  // [..., k], dtype of grad_input
  Tensor indices;      // [..., k], int32, as forward gave them: none twice in a row
  Tensor grad_input;   // [..., size]; overwritten

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("grad_output", self.grad_output, Access::read);
    visit("indices", self.indices, Access::read);
    visit("grad_input", self.grad_input, Access::write);
  }
};

void validate(const TopKForward& operation);
void validate(const TopKBackward& operation);

}  // namespace leia
