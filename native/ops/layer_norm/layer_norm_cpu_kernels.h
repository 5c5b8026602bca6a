// Compiled once per instruction set by layer_norm_cpu.cpp. Rows are vectors of H; lanes behind a
// row's end are made zeros, which add nothing to any sum.
namespace leia::LEIA_ISA {

// `bias` may be nullptr.
template <class T>
void layer_norm_row(const T* input, const T* weight, const T* bias, T* output, float* mean,
                    float* inverse_deviation, int64_t hidden, float epsilon) {
  const float size = static_cast<float>(hidden);
  Floats sum{};
  for_vectors(hidden, [&](int64_t i, int64_t count) { sum += load_count(input + i, count); });
  const float first_mean = reduce_sum(sum) / size;
  Floats deviations{}, squares{};
  for_vectors(hidden, [&](int64_t i, int64_t count) {
    const Floats x = first_lanes(load_count(input + i, count) - first_mean, count);
    deviations += x;
    squares += x * x;
  });
  const float off = reduce_sum(deviations) / size;
  const float variance = reduce_sum(squares) / size - off * off;
  const float scale = 1.0f / __builtin_sqrtf((variance < 0.0f ? 0.0f : variance) + epsilon);
  *mean = first_mean + off;
  *inverse_deviation = scale;
  for_vectors(hidden, [&](int64_t i, int64_t count) {
    const Floats x = (load_count(input + i, count) - first_mean - off) * scale;
    Floats y = x * load_count(weight + i, count);
    if (bias != nullptr) y += load_count(bias + i, count);
    store_count(output + i, y, count);
  });
}

// `grad_bias` may be nullptr; it and grad_weight are sums over the rows of a task.
template <class T>
void layer_norm_row_backward(const T* grad_output, const T* input, const T* weight, float mean,
                             float scale, T* grad_input, float* grad_weight, float* grad_bias,
                             int64_t hidden) {
  Floats gradients{}, products{};
  for_vectors(hidden, [&](int64_t i, int64_t count) {
    const Floats dy = load_count(grad_output + i, count);
    const Floats x = (load_count(input + i, count) - mean) * scale;
    const Floats g = dy * load_count(weight + i, count);
    gradients += g;
    products += first_lanes(g * x, count);
    store_count(grad_weight + i, load_count(grad_weight + i, count) + dy * x, count);
    if (grad_bias != nullptr) {
      store_count(grad_bias + i, load_count(grad_bias + i, count) + dy, count);
    }
  });
  const float size = static_cast<float>(hidden);
  const float mean_gradient = reduce_sum(gradients) / size;
  const float mean_product = reduce_sum(products) / size;
  for_vectors(hidden, [&](int64_t i, int64_t count) {
    const Floats g = load_count(grad_output + i, count) * load_count(weight + i, count);
    const Floats x = (load_count(input + i, count) - mean) * scale;
    store_count(grad_input + i, (g - mean_gradient - x * mean_product) * scale, count);
  });
}

constexpr int64_t kRowsPerTask = 16;

inline void layer_norm_forward(const LayerNormForward& op, CpuContext& context) {
  const int64_t hidden = op.input.shape[-1];
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    context.parallel_ranges(op.input.rows(), kRowsPerTask, [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) {
        layer_norm_row(op.input.data<T>() + row * hidden, op.weight.data<T>(),
                       values_from<T>(op.bias, 0), op.output.data<T>() + row * hidden,
                       op.mean.data<float>() + row, op.inverse_deviation.data<float>() + row,
                       hidden, op.epsilon);
      }
    });
  });
}

inline void layer_norm_backward(const LayerNormBackward& op, CpuContext& context) {
  const int64_t hidden = op.input.shape[-1], rows = op.input.rows();
  const int64_t tasks = (rows + kRowsPerTask - 1) / kRowsPerTask;
  const size_t row_bytes = static_cast<size_t>(hidden) * sizeof(float);
  float* weight_sums = context.scratch.take<float>(tasks * hidden);
  float* bias_sums = op.grad_bias ? context.scratch.take<float>(tasks * hidden) : nullptr;
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    context.parallel_ranges(rows, kRowsPerTask, [&](int64_t first, int64_t last) {
      const int64_t own = first / kRowsPerTask * hidden;
      float* grad_weight = weight_sums + own;
      float* grad_bias = bias_sums == nullptr ? nullptr : bias_sums + own;
      std::memset(grad_weight, 0, row_bytes);
      if (grad_bias != nullptr) std::memset(grad_bias, 0, row_bytes);
      for (int64_t row = first; row < last; ++row) {
        const int64_t at = row * hidden;
        layer_norm_row_backward(op.grad_output.data<T>() + at, op.input.data<T>() + at,
                                op.weight.data<T>(), op.mean.data<float>()[row],
                                op.inverse_deviation.data<float>()[row],
                                op.grad_input.data<T>() + at, grad_weight, grad_bias, hidden);
      }
    });
  });
  if (op.grad_weight) add_task_sums(weight_sums, tasks, op.grad_weight, context);
  if (op.grad_bias) add_task_sums(bias_sums, tasks, op.grad_bias, context);
}

}  // namespace leia::LEIA_ISA
