// Scores that a tangent bounds (Gemma 2, section 2): cap * tanh(scale * score / cap).
#pragma once

#include "core/everywhere.h"
#include "ops/flash_attention/flash_attention_products.cuh"

namespace leia {

// float32's kernels are there to compare with. Those for bfloat16 take the approximate
// instructions, which leave a relative error of up to 5e-6, where bfloat16 itself has one of 4e-3.
template <class T>
LEIA_DEVICE float hyperbolic_tangent(float x) {
  if constexpr (std::is_same_v<T, float>) return tanhf(x);
  constexpr float kTwiceLog2E = 2.88539008177792681472f;
  const float far = 1.0f - 2.0f * reciprocal_approximate(1.0f + exp2_approximate(x * kTwiceLog2E));
  const float near = x - x * x * x * (1.0f / 3.0f);
  return fabsf(x) < 0.04f ? near : far;
}

// The scores come here before they are scaled. Where they are bounded they leave as tangents, and
// are then scaled by the cap.
struct Softcap {
  float cap, factor;  // a cap of 0: none

  Softcap(float softcap, float scale)
      : cap(softcap), factor(softcap == 0.0f ? 0.0f : scale / softcap) {}

  LEIA_DEVICE bool given() const { return cap != 0.0f; }
  // What the scores are still to be multiplied by, where `scale` is that of the operation.
  LEIA_EVERYWHERE float scale_behind(float scale) const { return cap != 0.0f ? cap : scale; }

  template <class T, int M, int N>
  LEIA_DEVICE void bound(Sums<M, N>& scores) const {
#pragma unroll
    for (int m = 0; m < M; ++m) {
#pragma unroll
      for (int n = 0; n < N; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          scores[m][n][i] = hyperbolic_tangent<T>(scores[m][n][i] * factor);
        }
      }
    }
  }

  // The derivative of a tangent; 0 for the -infinity of a hidden score.
  LEIA_DEVICE static float slope(float tangent) {
    return fmaxf(1.0f - tangent * tangent, 0.0f);
  }
};

}  // namespace leia
