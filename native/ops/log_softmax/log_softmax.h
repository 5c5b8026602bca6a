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
// output. Arguments and kernels are those of softmax (ops/softmax); the kernels differ in their
// last line.
#pragma once

#include "ops/softmax/softmax.h"

namespace leia {

struct LogSoftmaxForward : SoftmaxArguments {
  static constexpr const char* kName = "log_softmax_forward";
};

struct LogSoftmaxBackward : SoftmaxBackwardArguments {
  static constexpr const char* kName = "log_softmax_backward";
};

inline void validate(const LogSoftmaxForward& operation) {
  validate(operation.kName, operation);
}
inline void validate(const LogSoftmaxBackward& operation) {
  validate(operation.kName, operation);
}

}  // namespace leia
