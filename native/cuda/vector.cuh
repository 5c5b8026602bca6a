// Rows of numbers in global memory, read and written 16 bytes at a time and computed in float32:
// what the kernels that only stream through memory are made of.
#pragma once

#include "core/dtype.h"
#include "cuda/kernel.cuh"

namespace leia {

LEIA_DEVICE uint32_t bits_of(float value) {
#if defined(__CUDACC__)
  return __float_as_uint(value);
#else
  return std::bit_cast<uint32_t>(value);
#endif
}

LEIA_DEVICE float from_bits(uint32_t bits) {
#if defined(__CUDACC__)
  return __uint_as_float(bits);
#else
  return std::bit_cast<float>(bits);
#endif
}

LEIA_DEVICE float as_float(float value) {
  return value;
}

LEIA_DEVICE float as_float(bfloat16 value) {
#if defined(__CUDACC__)
  return __uint_as_float(static_cast<uint32_t>(value.bits) << 16);
#else
  return to_float(value);
#endif
}

LEIA_DEVICE float as_float(float16 value) {
#if defined(__CUDACC__)
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
  return result;
#else
  return to_float(value);
#endif
}

// Rounded to nearest, ties to even.
template <class T>
LEIA_DEVICE T rounded(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else if constexpr (std::is_same_v<T, float16>) {
#if defined(__CUDACC__)
    float16 result;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
    return result;
#else
    return to_float16(value);
#endif
  } else {
#if defined(__CUDACC__)
    bfloat16 result;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
    return result;
#else
    return to_bfloat16(value);
#endif
  }
}

// Elements of 16 bytes.
template <class T>
constexpr int kPack = 16 / static_cast<int>(sizeof(T));

template <class T, int Width>
struct alignas(Width * sizeof(T)) Pack {
  T values[Width];
};

// Width elements from index i on; zeros from `end` on. With Width above 1, i is a multiple of Width
// and the memory aligned to that many elements, or to 16 bytes where they are more.
template <int Width, class T>
LEIA_DEVICE void load_floats(float (&values)[Width], Global<const T> from, int64_t i,
                             int64_t end LEIA_WHERE) {
  constexpr int kStep = Width < kPack<T> ? Width : kPack<T>;
  if (i + Width <= end) {
#pragma unroll
    for (int first = 0; first < Width; first += kStep) {
      const auto pack = from.template load_vector<Pack<T, kStep>>(i + first LEIA_HERE);
#pragma unroll
      for (int j = 0; j < kStep; ++j) values[first + j] = as_float(pack.values[j]);
    }
    return;
  }
  for (int j = 0; j < Width; ++j) {
    values[j] = i + j < end ? as_float(from.load(i + j LEIA_HERE)) : 0.0f;
  }
}

// Writes those of the Width elements that lie before `end`.
template <int Width, class T>
LEIA_DEVICE void store_floats(Global<T> to, int64_t i, int64_t end,
                              const float (&values)[Width] LEIA_WHERE) {
  constexpr int kStep = Width < kPack<T> ? Width : kPack<T>;
  if (i + Width <= end) {
#pragma unroll
    for (int first = 0; first < Width; first += kStep) {
      Pack<T, kStep> pack;
#pragma unroll
      for (int j = 0; j < kStep; ++j) pack.values[j] = rounded<T>(values[first + j]);
      to.store_vector(i + first, pack LEIA_HERE);
    }
    return;
  }
  for (int j = 0; j < Width; ++j) {
    if (i + j < end) to.store(i + j, rounded<T>(values[j]) LEIA_HERE);
  }
}

}  // namespace leia
