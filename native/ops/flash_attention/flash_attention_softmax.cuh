// The softmax of scores that come tile by tile (Milakov & Gimelshein 2018; Dao 2023, Algorithm 1),
// in base 2.
#pragma once

#include "ops/flash_attention/flash_attention_softcap.cuh"
#include "ops/flash_attention/flash_attention_visibility.cuh"

namespace leia {

constexpr float kLog2E = 1.44269504088896340736f;

template <class T>
struct ForwardArguments {
  Global<const T> query, key, value;
  Global<T> output;
  Global<float> logsumexp;
  Visibility visibility;
  int32_t heads, kv_heads;
  Softcap softcap;
  float scale;  // positive; of what the softcap makes of scores
};

// Largest score so far and the sum of exponentials relative to it, of the rows that this thread has
// a share of; the sum only of its own columns.
template <int M>
struct RunningSoftmax {
  float top[M][2], sum[M][2];

  LEIA_DEVICE RunningSoftmax() {
#pragma unroll
    for (int m = 0; m < M; ++m) {
      top[m][0] = top[m][1] = -__builtin_inff();
      sum[m][0] = sum[m][1] = 0.0f;
    }
  }

  // Turns scores into exponentials, and makes what was summed up relative to the new maximum.
  // `scale` includes log2(e).
  template <int N, int D>
  LEIA_DEVICE void step(Sums<M, N>& scores, Sums<M, D>& outputs, float scale) {
#pragma unroll
    for (int m = 0; m < M; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float shrink = weigh_row<N>(scores, m, half, scale);
#pragma unroll
        for (int d = 0; d < D; ++d) {
          outputs[m][d][2 * half] *= shrink;
          outputs[m][d][2 * half + 1] *= shrink;
        }
      }
    }
  }

  // The same, but leaves the outputs for later: `shrink` is what they are to be multiplied by.
  template <int N>
  LEIA_DEVICE void weigh(Sums<M, N>& scores, float (&shrink)[M][2], float scale) {
#pragma unroll
    for (int m = 0; m < M; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) shrink[m][half] = weigh_row<N>(scores, m, half, scale);
    }
  }

  // A number that every exponential of the last step is part of, for finish_before_wait().
  LEIA_DEVICE float sum_of_rows() const {
    float result = 0.0f;
#pragma unroll
    for (int m = 0; m < M; ++m) result += sum[m][0] + sum[m][1];
    return result;
  }

  // The sum over all columns.
  LEIA_DEVICE float total(int m, int half) const {
    float result = sum[m][half];
    result += shuffle_xor(result, 1);
    return result + shuffle_xor(result, 2);
  }

 private:
  template <int N>
  LEIA_DEVICE float weigh_row(Sums<M, N>& scores, int m, int half, float scale) {
    float highest = top[m][half];
#pragma unroll
    for (int n = 0; n < N; ++n) {
      highest = fmaxf(highest, fmaxf(scores[m][n][2 * half], scores[m][n][2 * half + 1]));
    }
    highest = fmaxf(highest, shuffle_xor(highest, 1));
    highest = fmaxf(highest, shuffle_xor(highest, 2));
    // A row that has seen no key yet: any finite base makes its exponentials zero.
    const float base = highest == -__builtin_inff() ? 0.0f : highest * scale;
    const float shrink = exp2_approximate(top[m][half] * scale - base);
    top[m][half] = highest;
    float added = 0.0f;
#pragma unroll
    for (int n = 0; n < N; ++n) {
#pragma unroll
      for (int i = 2 * half; i < 2 * half + 2; ++i) {
        scores[m][n][i] = exp2_approximate(scores[m][n][i] * scale - base);
        added += scores[m][n][i];
      }
    }
    sum[m][half] = sum[m][half] * shrink + added;
    return shrink;
  }
};

// Makes outputs relative to the new maximum.
template <int M, int D>
LEIA_DEVICE void rescale(Sums<M, D>& outputs, const float (&shrink)[M][2]) {
#pragma unroll
  for (int m = 0; m < M; ++m) {
#pragma unroll
    for (int d = 0; d < D; ++d) {
#pragma unroll
      for (int i = 0; i < 4; ++i) outputs[m][d][i] *= shrink[m][i / 2];
    }
  }
}

}  // namespace leia
