// One step of AdamW (Loshchilov & Hutter 2019), in float32 and in the order of torch.optim.AdamW:
//
//   g = gradient * gradient_scale                     p = p * (1 - learning_rate * weight_decay)
//   m = beta1 * m + (1 - beta1) * g                   v = beta2 * v + (1 - beta2) * g * g
//   p = p - learning_rate / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon)
//
// The first moment is interpolated as torch's lerp does: from the nearer end.
//
// A bfloat16 parameter is the upper part of a float32 one: p = [bits + 0x8000]_31..16 (rounded to
// nearest, halves up) is what the model computes with, and the remainder holds the lower 16 bits,
// so that both together give p back exactly. (With ties to even they would not.) The step updates
// both; a NaN is stored as the quiet NaN 0x7fc0 with remainder 0.
#pragma once

#include "core/tensor.h"

namespace leia {

struct CpuContext;

struct AdamW {
  static constexpr const char* kName = "adamw";
  Tensor parameter;       // any shape, float32, or bfloat16 with a remainder
  Tensor remainder;       // shape of parameter, bfloat16 as 16 bits; absent for float32
  Tensor gradient;        // shape of parameter, float32
  Tensor first_moment;    // shape of parameter, float32
  Tensor second_moment;   // shape of parameter, float32
  Tensor gradient_scale;  // [1], float32; optional: 1
  double learning_rate, beta1, beta2, epsilon, weight_decay;
  int64_t step;  // 1 for the first

  template <class Visit>
  void tensors(Visit&& visit) const {
    visit("parameter", parameter);
    visit("remainder", remainder);
    visit("gradient", gradient);
    visit("first_moment", first_moment);
    visit("second_moment", second_moment);
    visit("gradient_scale", gradient_scale);
  }
};

void validate(const AdamW& operation);
void execute_cpu(const AdamW& operation, CpuContext& context);

}  // namespace leia
