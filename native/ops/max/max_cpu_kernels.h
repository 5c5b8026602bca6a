// Compiled once per instruction set by max_cpu.cpp. A chunk's highest elements are found in
// vectors, and chunks are joined by their keys.
#include "cpu/reduced_dimension.h"

namespace leia::LEIA_ISA {

inline uint64_t key_of(float value, int64_t index) {
  return order_key(std::bit_cast<uint32_t>(value), index);
}

// Where a value comes before the highest so far: it is higher, or the first NaN.
inline Ints comes_before(Floats value, Floats highest) {
  return (value > highest) | ((value != value) & (highest == highest));
}

inline Ints load_indices(const int32_t* source) {
  Ints result;
  std::memcpy(&result, source, sizeof(result));
  return result;
}

inline void store_indices(int32_t* target, Ints value) {
  std::memcpy(target, &value, sizeof(value));
}

inline Ints splat_index(int64_t index) {
  return Ints{} + static_cast<int32_t>(index);
}

// Lanes behind the end are -infinity, which is higher than nothing.
template <class T>
uint64_t highest_of_row(const T* input, int64_t count, int64_t first) {
  const float lowest = -__builtin_inff();
  int32_t lanes[kLanes];
  for (int i = 0; i < kLanes; ++i) lanes[i] = i;
  const Ints offsets = load_indices(lanes);
  Floats highest = splat(lowest);
  Ints indices = splat_index(first);
  for_vectors(count, [&](int64_t i, int64_t lanes_used) {
    const Floats x = load_count(input + i, lanes_used, lowest);
    const Ints better = comes_before(x, highest);
    highest = better ? x : highest;
    indices = better ? offsets + splat_index(first + i) : indices;
  });
  float values[kLanes];
  store(values, highest);
  store_indices(lanes, indices);
  uint64_t best = kNoKey;
  for (int i = 0; i < kLanes; ++i) {
    const uint64_t key = key_of(values[i], lanes[i]);
    best = key > best ? key : best;
  }
  return best;
}

template <class T>
void highest_of_columns(const T* input, int64_t rows, int64_t columns, int64_t stride,
                        int64_t first, uint64_t* keys) {
  // With room for the lanes of a last vector.
  float* highest = thread_scratch<float, 0>(columns + kLanes);
  int32_t* indices = thread_scratch<int32_t, 1>(columns + kLanes);
  for (int64_t i = 0; i < columns; i += kLanes) {
    store(highest + i, splat(-__builtin_inff()));
    store_indices(indices + i, splat_index(first));
  }
  for (int64_t row = 0; row < rows; ++row) {
    const T* own = input + row * stride;
    for_vectors(columns, [&](int64_t i, int64_t count) {
      const Floats x = load_count(own + i, count), before = load(highest + i);
      const Ints better = comes_before(x, before);
      store(highest + i, better ? x : before);
      store_indices(indices + i, better ? splat_index(first + row) : load_indices(indices + i));
    });
  }
  for (int64_t i = 0; i < columns; ++i) keys[i] = key_of(highest[i], indices[i]);
}

// `output` may be an empty tensor.
inline void max_forward(const Tensor& input, const Tensor& output, const Tensor& indices,
                        int64_t dimension, CpuContext& context) {
  const ReducedDimension d = reduced_dimension(input.shape, dimension);
  dispatch_float(input.dtype, [&](auto type) {
    using T = decltype(type);
    const T* values = input.data<T>();
    const uint64_t* keys = reduce_chunks<uint64_t>(
        d, context,
        [&](int64_t at, int64_t count, int64_t first) {
          return highest_of_row(values + at, count, first);
        },
        [&](int64_t at, int64_t rows, int64_t columns, int64_t first, uint64_t* results) {
          highest_of_columns(values + at, rows, columns, d.inner, first, results);
        });
    for_outputs(d, keys, context, [&](int64_t at, const uint64_t* own, int64_t stride) {
      uint64_t best = kNoKey;
      for (int64_t chunk = 0; chunk < d.chunks(); ++chunk) {
        const uint64_t key = own[chunk * stride];
        best = key > best ? key : best;
      }
      const int32_t index = index_of(best);
      indices.data<int32_t>()[at] = index;
      if (!output) return;
      const int64_t outer = at / d.inner, column = at % d.inner;
      output.data<T>()[at] = values[(outer * d.size + index) * d.inner + column];
    });
  });
}

inline void max_backward(const MaxBackward& op, CpuContext& context) {
  const ReducedDimension d = reduced_dimension(op.grad_input.shape, op.dimension);
  const int32_t* indices = op.indices.data<int32_t>();
  for (int64_t i = 0; i < d.outputs(); ++i) {
    if (indices[i] < 0 || indices[i] >= d.size) {
      fail("argument", bad_index(op.indices, i, indices[i], d.size));
    }
  }
  dispatch_float(op.grad_input.dtype, [&](auto type) {
    using T = decltype(type);
    spread(d, context, [&](int64_t outer, int64_t first, int64_t last) {
      const T* from = op.grad_output.data<T>() + outer * d.inner;
      const int32_t* index = indices + outer * d.inner;
      T* to = op.grad_input.data<T>() + outer * d.size * d.inner;
      std::memset(to + first * d.inner, 0,
                  static_cast<size_t>((last - first) * d.inner) * sizeof(T));
      for (int64_t i = 0; i < d.inner; ++i) {
        if (index[i] >= first && index[i] < last) to[index[i] * d.inner + i] = from[i];
      }
    });
  });
}

}  // namespace leia::LEIA_ISA
