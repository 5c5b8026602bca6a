// Compiled once per instruction set by sum_cpu.cpp.
#include "cpu/reduced_dimension.h"

namespace leia::LEIA_ISA {

template <class T>
float sum_of_row(const T* input, int64_t count) {
  Floats sum{};
  for_vectors(count, [&](int64_t i, int64_t lanes) { sum += load_count(input + i, lanes); });
  return reduce_sum(sum);
}

template <class T>
void sums_of_columns(const T* input, int64_t rows, int64_t columns, int64_t stride, float* sums) {
  if (columns <= kLanes) {
    Floats total{};
    for (int64_t row = 0; row < rows; ++row) total += load_count(input + row * stride, columns);
    store_count(sums, total, columns);
    return;
  }
  std::memset(sums, 0, static_cast<size_t>(columns) * sizeof(float));
  for (int64_t row = 0; row < rows; ++row) {
    const T* own = input + row * stride;
    for_vectors(columns, [&](int64_t i, int64_t count) {
      store_count(sums + i, load_count(sums + i, count) + load_count(own + i, count), count);
    });
  }
}

// The sum, divided: by 1, or by the dimension's size for a mean.
inline void sum_forward(const Tensor& input, const Tensor& output, int64_t dimension,
                        double divisor, CpuContext& context) {
  const ReducedDimension d = reduced_dimension(input.shape, dimension);
  dispatch_float(input.dtype, [&](auto type) {
    using T = decltype(type);
    const T* values = input.data<T>();
    const float* sums = reduce_chunks<float>(
        d, context,
        [&](int64_t first, int64_t count, int64_t) { return sum_of_row(values + first, count); },
        [&](int64_t first, int64_t rows, int64_t columns, int64_t, float* results) {
          sums_of_columns(values + first, rows, columns, d.inner, results);
        });
    for_outputs(d, sums, context, [&](int64_t at, const float* own, int64_t stride) {
      double total = 0;
      for (int64_t chunk = 0; chunk < d.chunks(); ++chunk) total += own[chunk * stride];
      output.data<T>()[at] = from_float<T>(static_cast<float>(total / divisor));
    });
  });
}

inline void sum_backward(const Tensor& grad_output, const Tensor& grad_input, int64_t dimension,
                         double divisor, CpuContext& context) {
  const ReducedDimension d = reduced_dimension(grad_input.shape, dimension);
  const float factor = static_cast<float>(1 / divisor);
  dispatch_float(grad_input.dtype, [&](auto type) {
    using T = decltype(type);
    spread(d, context, [&](int64_t outer, int64_t first, int64_t last) {
      const T* from = grad_output.data<T>() + outer * d.inner;
      T* to = grad_input.data<T>() + (outer * d.size + first) * d.inner;
      if (d.inner == 1) {
        const Floats value = splat(to_float(*from) * factor);
        for_vectors(last - first,
                    [&](int64_t i, int64_t count) { store_count(to + i, value, count); });
        return;
      }
      for (int64_t row = first; row < last; ++row, to += d.inner) {
        for_vectors(d.inner, [&](int64_t i, int64_t count) {
          store_count(to + i, load_count(from + i, count) * factor, count);
        });
      }
    });
  });
}

}  // namespace leia::LEIA_ISA
