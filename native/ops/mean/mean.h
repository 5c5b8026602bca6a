// The mean over one dimension, of a tensor taken as [outer, size, inner]:
//
//   output[o, i] = sum_s input[o, s, i] / size
//
// Backward:
//
//   grad_input[o, s, i] = grad_output[o, i] / size
//
// Arguments and kernels are those of the sum (ops/sum), which divide at the end. No elements have
// the mean NaN.
#pragma once

#include "ops/sum/sum.h"

namespace leia {

struct MeanForward : SumArguments {
  static constexpr const char* kName = "mean_forward";
};

struct MeanBackward : SumBackwardArguments {
  static constexpr const char* kName = "mean_backward";
};

inline void validate(const MeanForward& operation) {
  validate(operation.kName, operation);
}
inline void validate(const MeanBackward& operation) {
  validate(operation.kName, operation);
}

}  // namespace leia
