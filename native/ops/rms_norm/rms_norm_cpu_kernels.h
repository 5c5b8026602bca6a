// Compiled once per instruction set by rms_norm_cpu.cpp. Rows are vectors of H; a tail that does
// not fill a vector is loaded as zeros, which add nothing to any sum.
namespace leia::LEIA_ISA {

// `residual` and `sum` may be nullptr, but only together.
template <class T>
void rms_norm_row(const T* input, const T* residual, T* sum, const T* weight, T* output,
                  float* inverse_rms, int64_t hidden, float epsilon) {
  Floats squares{};
  if (sum == nullptr) {
    for_vectors(hidden, [&](int64_t i, int64_t count) {
      const Floats x = load_count(input + i, count);
      squares += x * x;
    });
  } else {
    for_vectors(hidden, [&](int64_t i, int64_t count) {
      store_count(sum + i, load_count(input + i, count) + load_count(residual + i, count), count);
      const Floats x = load_count(sum + i, count);
      squares += x * x;
    });
    input = sum;
  }
  const float scale =
      1.0f / __builtin_sqrtf(reduce_sum(squares) / static_cast<float>(hidden) + epsilon);
  *inverse_rms = scale;
  for_vectors(hidden, [&](int64_t i, int64_t count) {
    store_count(output + i, load_count(input + i, count) * scale * load_count(weight + i, count),
                count);
  });
}

// `grad_sum` may be nullptr.
template <class T>
void rms_norm_row_backward(const T* grad_output, const T* input, const T* weight, float inverse_rms,
                           const T* grad_sum, T* grad_input, float* grad_weight, int64_t hidden) {
  Floats products{};
  for_vectors(hidden, [&](int64_t i, int64_t count) {
    const Floats dy = load_count(grad_output + i, count);
    const Floats x = load_count(input + i, count) * inverse_rms;
    products += dy * load_count(weight + i, count) * x;
    store_count(grad_weight + i, load_count(grad_weight + i, count) + dy * x, count);
  });
  const float mean = reduce_sum(products) / static_cast<float>(hidden);
  for_vectors(hidden, [&](int64_t i, int64_t count) {
    const Floats g = load_count(grad_output + i, count) * load_count(weight + i, count);
    const Floats x = load_count(input + i, count) * inverse_rms;
    Floats gradient = (g - x * mean) * inverse_rms;
    if (grad_sum != nullptr) gradient += load_count(grad_sum + i, count);
    store_count(grad_input + i, gradient, count);
  });
}

constexpr int64_t kRowsPerTask = 16;

inline void rms_norm_forward(const RmsNormForward& op, CpuContext& context) {
  const int64_t hidden = op.input.shape[-1];
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    context.parallel_ranges(op.input.rows(), kRowsPerTask, [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) {
        rms_norm_row(op.input.data<T>() + row * hidden, values_from<T>(op.residual, row * hidden),
                     values_from<T>(op.sum, row * hidden), op.weight.data<T>(),
                     op.output.data<T>() + row * hidden, op.inverse_rms.data<float>() + row, hidden,
                     op.epsilon);
      }
    });
  });
}

inline void rms_norm_backward(const RmsNormBackward& op, CpuContext& context) {
  const int64_t hidden = op.input.shape[-1], rows = op.input.rows();
  const int64_t tasks = (rows + kRowsPerTask - 1) / kRowsPerTask;
  float* partial = context.scratch.take<float>(tasks * hidden);
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    context.parallel_ranges(rows, kRowsPerTask, [&](int64_t first, int64_t last) {
      float* own = partial + first / kRowsPerTask * hidden;
      std::memset(own, 0, static_cast<size_t>(hidden) * sizeof(float));
      for (int64_t row = first; row < last; ++row) {
        rms_norm_row_backward(op.grad_output.data<T>() + row * hidden,
                              op.input.data<T>() + row * hidden, op.weight.data<T>(),
                              op.inverse_rms.data<float>()[row],
                              values_from<T>(op.grad_sum, row * hidden),
                              op.grad_input.data<T>() + row * hidden, own, hidden);
      }
    });
  });
  if (op.grad_weight) add_task_sums(partial, tasks, op.grad_weight, context);
}

}  // namespace leia::LEIA_ISA
