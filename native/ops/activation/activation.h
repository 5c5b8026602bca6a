// Activation functions, element by element in float32, with s(x) = 1 / (1 + e^-x):
//
//   gelu     x * Phi(x), Phi the normal distribution's (Hendrycks & Gimpel 2016); or approximately
//            0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))
//   silu     x * s(x)
//   relu     max(x, 0)
//   tanh     tanh(x)
//   sigmoid  s(x)
//
// Backward: grad_input = grad_output times the derivative at the input, which is what is saved.
// relu's derivative at 0 is 0.
#pragma once

#include "core/tensor.h"

namespace leia {

enum class ActivationFunction { gelu, silu, relu, tanh, sigmoid };

struct ActivationArguments {
  Tensor input;      // any shape, float32 or bfloat16
  bool approximate;  // of gelu alone
  Tensor output;     // shape and dtype of input; may be input
};

struct ActivationBackwardArguments {
  Tensor grad_output;  // shape and dtype of input
  Tensor input;        // any shape, float32 or bfloat16
  bool approximate;    // of gelu alone
  Tensor grad_input;   // shape and dtype of input; overwritten; may be one of the two above
};

template <ActivationFunction Function>
struct Activation : ActivationArguments {
  static constexpr ActivationFunction kFunction = Function;
  static constexpr const char* kNames[] = {"gelu", "silu", "relu", "tanh", "sigmoid"};
  static constexpr const char* kName = kNames[static_cast<int>(Function)];

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    if constexpr (Function == ActivationFunction::gelu) visit("approximate", self.approximate);
    visit("output", self.output, Access::write);
  }
};

template <ActivationFunction Function>
struct ActivationBackward : ActivationBackwardArguments {
  static constexpr ActivationFunction kFunction = Function;
  static constexpr const char* kNames[] = {"gelu_backward", "silu_backward", "relu_backward",
                                           "tanh_backward", "sigmoid_backward"};
  static constexpr const char* kName = kNames[static_cast<int>(Function)];

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("grad_output", self.grad_output, Access::read);
    visit("input", self.input, Access::read);
    if constexpr (Function == ActivationFunction::gelu) visit("approximate", self.approximate);
    visit("grad_input", self.grad_input, Access::write);
  }
};

using Gelu = Activation<ActivationFunction::gelu>;
using Silu = Activation<ActivationFunction::silu>;
using Relu = Activation<ActivationFunction::relu>;
using Tanh = Activation<ActivationFunction::tanh>;
using Sigmoid = Activation<ActivationFunction::sigmoid>;
using GeluBackward = ActivationBackward<ActivationFunction::gelu>;
using SiluBackward = ActivationBackward<ActivationFunction::silu>;
using ReluBackward = ActivationBackward<ActivationFunction::relu>;
using TanhBackward = ActivationBackward<ActivationFunction::tanh>;
using SigmoidBackward = ActivationBackward<ActivationFunction::sigmoid>;

void validate(const char* name, const ActivationArguments& operation);
void validate(const char* name, const ActivationBackwardArguments& operation);

template <ActivationFunction Function>
void validate(const Activation<Function>& operation) {
  validate(operation.kName, operation);
}

template <ActivationFunction Function>
void validate(const ActivationBackward<Function>& operation) {
  validate(operation.kName, operation);
}

}  // namespace leia
