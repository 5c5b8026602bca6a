// Compiled once per instruction set by activation_cpu.cpp.
namespace leia::LEIA_ISA {

constexpr int64_t kElementsPerTask = 1 << 13;

inline Floats logistic(Floats x) {
  return 1.0f / (1.0f + exponential(-x));
}

// The logistic function s and its derivative s * (1 - s), without the difference of numbers that
// may be nearly equal.
struct Logistic {
  Floats value, slope;

  explicit Logistic(Floats x) {
    const Floats e = exponential_of_negative(-absolute(x)), inverse = 1.0f / (1.0f + e);
    value = x > 0.0f ? inverse : e * inverse;
    slope = e * inverse * inverse;
  }
};

// The normal distribution and its density at x. Near 0 it is 1/2 and an odd polynomial. Further
// left it is erfc(z) / 2 with z = -x / sqrt(2), and erfc(z) = e^(-z^2) * t * p(t) with t = 1 / (1 +
// 0.36 z); further right 1 minus that. Both polynomials were fitted to the least relative error,
// below 4e-8.
struct Normal {
  Floats distribution, density;

  explicit Normal(Floats x) {
    const Floats bell = exponential_of_negative(-0.5f * x * x);
    const Floats t = 1.0f / (1.0f + (0.36f * 0.70710678f) * absolute(x));
    Floats p = splat(0.03766198456287384f);
    p = p * t - 0.1419675350189209f;
    p = p * t + 0.14342203736305237f;
    p = p * t - 0.02863323502242565f;
    p = p * t + 0.10651451349258423f;
    p = p * t + 0.1229257807135582f;
    p = p * t + 0.1639164388179779f;
    p = p * t + 0.1899440586566925f;
    p = p * t + 0.20310771465301514f;
    p = p * t + 0.20310825109481812f;
    const Floats tail = 0.5f * bell * t * p;
    const Floats square = x * x;
    Floats q = splat(-7.65420827519847e-06f);
    q = q * square + 0.00011348637053743005f;
    q = q * square - 0.0011863299878314137f;
    q = q * square + 0.009973322972655296f;
    q = q * square - 0.06649035960435867f;
    q = q * square + 0.3989422917366028f;
    const Floats far = x > 0.0f ? 1.0f - tail : tail;
    distribution = square < 1.0f ? 0.5f + x * q : far;
    density = bell * 0.39894228f;  // 1 / sqrt(2 pi)
  }
};

// A function's value and its derivative.
struct GeluCurve {
  static Floats value(Floats x) { return x * Normal(x).distribution; }
  static Floats slope(Floats x) {
    const Normal normal(x);
    return normal.distribution + x * normal.density;
  }
};

// 0.5 * (1 + tanh(y)) is the logistic function of 2y.
struct GeluTanhCurve {
  static constexpr float kScale = 1.5957691f, kCubic = 0.044715f;  // 2 * sqrt(2 / pi)
  static Floats value(Floats x) { return x * logistic(kScale * (x + kCubic * x * x * x)); }
  static Floats slope(Floats x) {
    // Beyond 12 on either side the slope is 0 or 1, and no power of x may overflow.
    const Floats c = minimum(maximum(x, splat(-12.0f)), splat(12.0f));
    const Logistic s(kScale * (c + kCubic * c * c * c));
    const Floats slope = s.value + c * s.slope * kScale * (1.0f + 3.0f * kCubic * c * c);
    return x == x ? slope : x;
  }
};

struct SiluCurve {
  static Floats value(Floats x) { return x * logistic(x); }
  static Floats slope(Floats x) {
    const Logistic s(x);
    return s.value + x * s.slope;
  }
};

struct ReluCurve {
  static Floats value(Floats x) { return x < 0.0f ? splat(0.0f) : x; }
  static Floats slope(Floats x) { return x <= 0.0f ? splat(0.0f) : splat(1.0f); }
};

struct TanhCurve {
  static Floats value(Floats x) { return hyperbolic_tangent(x); }
  static Floats slope(Floats x) { return 4.0f * Logistic(2.0f * x).slope; }
};

struct SigmoidCurve {
  static Floats value(Floats x) { return logistic(x); }
  static Floats slope(Floats x) { return Logistic(x).slope; }
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

inline void activation(ActivationFunction function, const ActivationArguments& op,
                       CpuContext& context) {
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    const T* input = op.input.data<T>();
    T* output = op.output.data<T>();
    with_curve(function, op.approximate, [&](auto curve) {
      using Curve = decltype(curve);
      context.parallel_ranges(
          op.input.elements(), kElementsPerTask, [&](int64_t first, int64_t last) {
            for_vectors(last - first, [&](int64_t i, int64_t count) {
              const int64_t at = first + i;
              store_count(output + at, Curve::value(load_count(input + at, count)), count);
            });
          });
    });
  });
}

inline void activation_backward(ActivationFunction function, const ActivationBackwardArguments& op,
                                CpuContext& context) {
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    const T *grad_output = op.grad_output.data<T>(), *input = op.input.data<T>();
    T* grad_input = op.grad_input.data<T>();
    with_curve(function, op.approximate, [&](auto curve) {
      using Curve = decltype(curve);
      context.parallel_ranges(
          op.input.elements(), kElementsPerTask, [&](int64_t first, int64_t last) {
            for_vectors(last - first, [&](int64_t i, int64_t count) {
              const int64_t at = first + i;
              const Floats dy = load_count(grad_output + at, count);
              store_count(grad_input + at, dy * Curve::slope(load_count(input + at, count)), count);
            });
          });
    });
  });
}

}  // namespace leia::LEIA_ISA
