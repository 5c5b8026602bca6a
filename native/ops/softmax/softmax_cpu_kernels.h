// Compiled once per instruction set by softmax_cpu.cpp.
namespace leia::LEIA_ISA {

// The highest of a row. Four at a time, as each waits for the one before.
template <class T>
float highest_of(const T* input, int64_t size) {
  const float lowest = -__builtin_inff();
  Floats most[4] = {splat(lowest), splat(lowest), splat(lowest), splat(lowest)};
  int64_t i = 0;
  for (; i + 4 * kLanes <= size; i += 4 * kLanes) {
    for (int part = 0; part < 4; ++part) {
      most[part] = maximum(most[part], load(input + i + part * kLanes));
    }
  }
  for_vectors(size - i, [&](int64_t at, int64_t count) {
    most[0] = maximum(most[0], load_count(input + i + at, count, lowest));
  });
  return reduce_max(maximum(maximum(most[0], most[1]), maximum(most[2], most[3])));
}

// The highest of a row and sum_v e^(x[v] - highest); NaN, where a row has no softmax. The addends
// are kept where `shares` is not nullptr.
template <class T>
float exponential_sum(const T* input, int64_t size, float& highest, float* shares) {
  highest = highest_of(input, size);
  Floats sum{};
  for_vectors(size, [&](int64_t i, int64_t count) {
    const Floats share = exponential_of_negative(load_count(input + i, count) - highest);
    if (shares != nullptr) store_count(shares + i, share, count);
    sum += first_lanes(share, count);
  });
  return reduce_sum(sum);
}

template <class T>
void softmax_row(const T* input, T* output, int64_t size) {
  float highest;
  float* shares = thread_scratch<float, 0>(size);
  const float scale = 1.0f / exponential_sum(input, size, highest, shares);
  for_vectors(size, [&](int64_t i, int64_t count) {
    store_count(output + i, load_count(shares + i, count) * scale, count);
  });
}

template <class T>
void log_softmax_row(const T* input, T* output, int64_t size) {
  float highest;
  const float log_sum = std::log(exponential_sum(input, size, highest, nullptr));
  for_vectors(size, [&](int64_t i, int64_t count) {
    store_count(output + i, load_count(input + i, count) - highest - log_sum, count);
  });
}

template <class T>
void softmax_row_backward(const T* grad_output, const T* output, T* grad_input, int64_t size) {
  Floats products{};
  for_vectors(size, [&](int64_t i, int64_t count) {
    products += load_count(grad_output + i, count) * load_count(output + i, count);
  });
  const float sum = reduce_sum(products);
  for_vectors(size, [&](int64_t i, int64_t count) {
    const Floats dy = load_count(grad_output + i, count);
    store_count(grad_input + i, load_count(output + i, count) * (dy - sum), count);
  });
}

template <class T>
void log_softmax_row_backward(const T* grad_output, const T* output, T* grad_input, int64_t size) {
  Floats gradients{};
  for_vectors(size,
              [&](int64_t i, int64_t count) { gradients += load_count(grad_output + i, count); });
  const float sum = reduce_sum(gradients);
  for_vectors(size, [&](int64_t i, int64_t count) {
    const Floats share = exponential(load_count(output + i, count));
    store_count(grad_input + i, load_count(grad_output + i, count) - share * sum, count);
  });
}

// Calls body(type, first element of the row, its size) for every row of a tensor.
template <class Body>
void for_rows(const Tensor& tensor, CpuContext& context, Body body) {
  constexpr int64_t kElementsPerTask = 16384;
  const int64_t size = tensor.shape[-1];
  if (size == 0) return;
  const int64_t rows_each = size < kElementsPerTask ? kElementsPerTask / size : 1;
  dispatch_float(tensor.dtype, [&](auto type) {
    context.parallel_ranges(tensor.rows(), rows_each, [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) body(type, row * size, size);
    });
  });
}

inline void softmax_forward(const SoftmaxForward& op, CpuContext& context) {
  for_rows(op.input, context, [&](auto type, int64_t at, int64_t size) {
    using T = decltype(type);
    softmax_row(op.input.data<T>() + at, op.output.data<T>() + at, size);
  });
}

inline void log_softmax_forward(const LogSoftmaxForward& op, CpuContext& context) {
  for_rows(op.input, context, [&](auto type, int64_t at, int64_t size) {
    using T = decltype(type);
    log_softmax_row(op.input.data<T>() + at, op.output.data<T>() + at, size);
  });
}

inline void softmax_backward(const SoftmaxBackward& op, CpuContext& context) {
  for_rows(op.output, context, [&](auto type, int64_t at, int64_t size) {
    using T = decltype(type);
    softmax_row_backward(op.grad_output.data<T>() + at, op.output.data<T>() + at,
                         op.grad_input.data<T>() + at, size);
  });
}

inline void log_softmax_backward(const LogSoftmaxBackward& op, CpuContext& context) {
  for_rows(op.output, context, [&](auto type, int64_t at, int64_t size) {
    using T = decltype(type);
    log_softmax_row_backward(op.grad_output.data<T>() + at, op.output.data<T>() + at,
                             op.grad_input.data<T>() + at, size);
  });
}

}  // namespace leia::LEIA_ISA
