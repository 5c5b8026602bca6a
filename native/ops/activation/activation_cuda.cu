#include "cuda/context.cuh"
#include "ops/activation/activation.h"

namespace leia {

namespace {

LEIA_DEVICE float logistic(float x) {
  return 1.0f / (1.0f + expf(-x));
}

// The logistic function s and its derivative s * (1 - s), without the difference of numbers that
// may be nearly equal.
struct Logistic {
  float value, slope;

  LEIA_DEVICE explicit Logistic(float x) {
    const float e = expf(-fabsf(x)), inverse = 1.0f / (1.0f + e);
    value = x > 0.0f ? inverse : e * inverse;
    slope = e * inverse * inverse;
  }
};

// A function's value and its derivative.
struct GeluCurve {
  LEIA_DEVICE static float distribution(float x) { return 0.5f * erfcf(-0.70710678f * x); }
  LEIA_DEVICE static float value(float x) { return x * distribution(x); }
  LEIA_DEVICE static float slope(float x) {
    constexpr float kDensityAt0 = 0.39894228f;  // 1 / sqrt(2 pi)
    return distribution(x) + x * kDensityAt0 * expf(-0.5f * x * x);
  }
};
// 0.5 * (1 + tanh(y)) is the logistic function of 2y.
struct GeluTanhCurve {
  static constexpr float kScale = 1.5957691f, kCubic = 0.044715f;  // 2 * sqrt(2 / pi)
  LEIA_DEVICE static float value(float x) {
    return x * logistic(kScale * (x + kCubic * x * x * x));
  }
  LEIA_DEVICE static float slope(float x) {
    // Beyond 12 on either side the slope is 0 or 1, and no power of x may overflow.
    const float c = fminf(fmaxf(x, -12.0f), 12.0f);
    const Logistic s(kScale * (c + kCubic * c * c * c));
    const float slope = s.value + c * s.slope * kScale * (1.0f + 3.0f * kCubic * c * c);
    return x == x ? slope : x;
  }
};
struct SiluCurve {
  LEIA_DEVICE static float value(float x) { return x * logistic(x); }
  LEIA_DEVICE static float slope(float x) {
    const Logistic s(x);
    return s.value + x * s.slope;
  }
};
struct ReluCurve {
  LEIA_DEVICE static float value(float x) { return x < 0.0f ? 0.0f : x; }
  LEIA_DEVICE static float slope(float x) { return x <= 0.0f ? 0.0f : 1.0f; }
};
struct TanhCurve {
  LEIA_DEVICE static float value(float x) { return tanhf(x); }
  LEIA_DEVICE static float slope(float x) { return 4.0f * Logistic(2.0f * x).slope; }
};
struct SigmoidCurve {
  LEIA_DEVICE static float value(float x) { return logistic(x); }
  LEIA_DEVICE static float slope(float x) { return Logistic(x).slope; }
};

template <class Body>
void with_curve(ActivationFunction function, bool approximate, Body&& body) {
  switch (function) {
    case ActivationFunction::gelu:
      return approximate ? body(GeluTanhCurve{}) : body(GeluCurve{});
    case ActivationFunction::silu:
      return body(SiluCurve{});
    case ActivationFunction::relu:
      return body(ReluCurve{});
    case ActivationFunction::tanh:
      return body(TanhCurve{});
    case ActivationFunction::sigmoid:
      return body(SigmoidCurve{});
  }
}

template <class Curve, class T, int Width>
__global__ void activation(Global<const T> input, Global<T> output, int64_t count) {
  const int64_t i = first_element(Width);
  if (i >= count) return;
  float x[Width];
  load_floats(x, input, i, count);
#pragma unroll
  for (int j = 0; j < Width; ++j) x[j] = Curve::value(x[j]);
  store_floats(output, i, count, x);
}

template <class Curve, class T, int Width>
__global__ void activation_backward(Global<const T> grad_output, Global<const T> input,
                                    Global<T> grad_input, int64_t count) {
  const int64_t i = first_element(Width);
  if (i >= count) return;
  float dy[Width], x[Width];
  load_floats(dy, grad_output, i, count);
  load_floats(x, input, i, count);
#pragma unroll
  for (int j = 0; j < Width; ++j) x[j] = dy[j] * Curve::slope(x[j]);
  store_floats(grad_input, i, count, x);
}

}  // namespace

template <ActivationFunction Function>
void execute_cuda(const Activation<Function>& op, CudaContext& context) {
  const int64_t count = op.input.elements();
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    with_curve(Function, op.approximate, [&](auto curve) {
      with_width<T>(aligned(op.input, op.output), [&](auto width) {
        launch(op.kName, activation<decltype(curve), T, width>, over_elements(count, width),
               context.stream, input<T>(op.input), output<T>(op.output), count);
      });
    });
  });
}

template <ActivationFunction Function>
void execute_cuda(const ActivationBackward<Function>& op, CudaContext& context) {
  const int64_t count = op.input.elements();
  const bool wide = aligned(op.grad_output, op.input, op.grad_input);
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    with_curve(Function, op.approximate, [&](auto curve) {
      with_width<T>(wide, [&](auto width) {
        launch(op.kName, activation_backward<decltype(curve), T, width>,
               over_elements(count, width), context.stream, input<T>(op.grad_output),
               input<T>(op.input), output<T>(op.grad_input), count);
      });
    });
  });
}

LEIA_CUDA_EXECUTION(Gelu)
LEIA_CUDA_EXECUTION(Silu)
LEIA_CUDA_EXECUTION(Relu)
LEIA_CUDA_EXECUTION(Tanh)
LEIA_CUDA_EXECUTION(Sigmoid)
LEIA_CUDA_EXECUTION(GeluBackward)
LEIA_CUDA_EXECUTION(SiluBackward)
LEIA_CUDA_EXECUTION(ReluBackward)
LEIA_CUDA_EXECUTION(TanhBackward)
LEIA_CUDA_EXECUTION(SigmoidBackward)

}  // namespace leia
