// Compiled once per instruction set by swiglu_cpu.cpp.
namespace leia::LEIA_ISA {

constexpr int64_t kElementsPerTask = 1 << 13;

inline Floats sigmoid(Floats x) {
  return 1.0f / (1.0f + exponential(-x));
}

inline void swiglu_forward(const SwigluForward& op, CpuContext& context) {
  dispatch_float(op.gate.dtype, [&](auto type) {
    using T = decltype(type);
    const T *gate = op.gate.data<T>(), *up = op.up.data<T>();
    T* output = op.output.data<T>();
    context.parallel_ranges(op.gate.elements(), kElementsPerTask, [&](int64_t first, int64_t last) {
      for_vectors(last - first, [&](int64_t i, int64_t count) {
        const int64_t at = first + i;
        const Floats g = load_count(gate + at, count);
        store_count(output + at, g * sigmoid(g) * load_count(up + at, count), count);
      });
    });
  });
}

inline void swiglu_backward(const SwigluBackward& op, CpuContext& context) {
  dispatch_float(op.gate.dtype, [&](auto type) {
    using T = decltype(type);
    const T *grad_output = op.grad_output.data<T>(), *gate = op.gate.data<T>(),
            *up = op.up.data<T>();
    T *grad_gate = op.grad_gate.data<T>(), *grad_up = op.grad_up.data<T>();
    context.parallel_ranges(op.gate.elements(), kElementsPerTask, [&](int64_t first, int64_t last) {
      for_vectors(last - first, [&](int64_t i, int64_t count) {
        const int64_t at = first + i;
        const Floats dy = load_count(grad_output + at, count), g = load_count(gate + at, count);
        const Floats u = load_count(up + at, count), s = sigmoid(g);
        store_count(grad_gate + at, dy * u * s * (1.0f + g * (1.0f - s)), count);
        store_count(grad_up + at, dy * g * s, count);
      });
    });
  });
}

}  // namespace leia::LEIA_ISA
