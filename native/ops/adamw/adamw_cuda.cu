// One pass: each byte of parameter, state and gradient is read once, and what changes is written
// once.
#include "cuda/context.cuh"
#include "ops/adamw/adamw_factors.h"

namespace leia {

namespace {

constexpr int kWidth = kPack<float>;

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

// float32 parameters as they are.
struct SingleParameters {
  Global<float> values;

  template <int Width>
  LEIA_DEVICE void get(float (&p)[Width], int64_t i, int64_t count) const {
    load_floats(p, values.read_only(), i, count);
  }
  template <int Width>
  LEIA_DEVICE void set(const float (&p)[Width], int64_t i, int64_t count) const {
    store_floats(values, i, count, p);
  }
};

// Upper halves rounded up from 0x8000, and the lower halves they were rounded by (adamw.h).
struct SplitParameters {
  Global<uint16_t> upper, lower;

  template <int Width>
  LEIA_DEVICE void get(float (&p)[Width], int64_t i, int64_t count) const {
    Pack<uint16_t, Width> high{}, low{};
    if (i + Width <= count) {
      high = upper.template load_vector<Pack<uint16_t, Width>>(i);
      low = lower.template load_vector<Pack<uint16_t, Width>>(i);
    } else {
      for (int j = 0; i + j < count; ++j) {
        high.values[j] = upper.load(i + j);
        low.values[j] = lower.load(i + j);
      }
    }
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      const uint32_t top = low.values[j] >= 0x8000u ? high.values[j] - 1u : high.values[j];
      p[j] = from_bits(top << 16 | low.values[j]);
    }
  }

  template <int Width>
  LEIA_DEVICE void set(const float (&p)[Width], int64_t i, int64_t count) const {
    Pack<uint16_t, Width> high, low;
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      const uint32_t bits = bits_of(p[j]);
      const uint32_t stored = (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : bits;
      high.values[j] = static_cast<uint16_t>((stored + 0x8000u) >> 16);
      low.values[j] = static_cast<uint16_t>(stored);
    }
    if (i + Width <= count) {
      upper.store_vector(i, high);
      lower.store_vector(i, low);
      return;
    }
    for (int j = 0; i + j < count; ++j) {
      upper.store(i + j, high.values[j]);
      lower.store(i + j, low.values[j]);
    }
  }
};

template <int Width, class Parameters>
__global__ void adamw(Parameters parameters, Global<const float> gradient,
                      Global<float> first_moment, Global<float> second_moment,
                      Global<const float> gradient_scale, bool scaled, AdamWFactors f,
                      int64_t count) {
  const int64_t i = first_element(Width);
  if (i >= count) return;
  const float scale = scaled ? gradient_scale.load(0) : f.scale;
  float g[Width], m[Width], v[Width], p[Width];
  load_floats(g, gradient, i, count);
  load_floats(m, first_moment.read_only(), i, count);
  load_floats(v, second_moment.read_only(), i, count);
  parameters.get(p, i, count);
#pragma unroll
  for (int j = 0; j < Width; ++j) {
    g[j] *= scale;
    m[j] = f.first < 0.5f ? m[j] + f.first * (g[j] - m[j]) : g[j] - f.keep_first * (g[j] - m[j]);
    v[j] = v[j] * f.keep + f.second * g[j] * g[j];
    p[j] = p[j] * f.decay - f.rate * (m[j] / (sqrtf(v[j]) / f.correction + f.epsilon));
  }
  store_floats(first_moment, i, count, m);
  store_floats(second_moment, i, count, v);
  parameters.set(p, i, count);
}

}  // namespace

void execute_cuda(const AdamW& op, CudaContext& context) {
  const int64_t count = op.parameter.elements();
  const bool scaled = static_cast<bool>(op.gradient_scale);
  const Global<const float> scale =
      scaled ? input<float>(op.gradient_scale) : Global<const float>(nullptr, 0);
  const bool wide =
      aligned(op.parameter, op.remainder, op.gradient, op.first_moment, op.second_moment);
  const auto run = [&](auto width, auto parameters) {
    launch(op.kName, adamw<width, decltype(parameters)>, over_elements(count, width),
           context.stream, parameters, input<float>(op.gradient), output<float>(op.first_moment),
           output<float>(op.second_moment), scale, scaled, AdamWFactors(op), count);
  };
  const auto with_parameters = [&](auto width) {
    if (op.remainder) {
      run(width, SplitParameters{output<uint16_t>(op.parameter), output<uint16_t>(op.remainder)});
    } else {
      run(width, SingleParameters{output<float>(op.parameter)});
    }
  };
  if (wide) {
    with_parameters(std::integral_constant<int, kWidth>{});
  } else {
    with_parameters(std::integral_constant<int, 1>{});
  }
}

LEIA_CUDA_EXECUTION(AdamW)

}  // namespace leia
