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

struct SumArguments {
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

struct SumBackwardArguments {
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

struct SumForward : SumArguments {
  static constexpr const char* kName = "sum_forward";
};

struct SumBackward : SumBackwardArguments {
  static constexpr const char* kName = "sum_backward";
};

void validate(const char* name, const SumArguments& operation);
void validate(const char* name, const SumBackwardArguments& operation);

inline void validate(const SumForward& operation) {
  validate(operation.kName, operation);
}
inline void validate(const SumBackward& operation) {
  validate(operation.kName, operation);
}

}  // namespace leia
