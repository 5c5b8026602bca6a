// The keys of a row are gone through once; few of them are above all that was kept before.
#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

#include "core/order_key.h"
#include "cpu/cpu_context.h"
#include "ops/top_k/top_k.h"

#include "ops/max/max.h"

namespace leia {

namespace {

// The k highest keys of a row at the front, in order. Keys gather in a buffer of twice as many, or
// of the row; whenever it is full, the lower half goes, and what is not above the rest stays out.
template <class T>
void highest_keys(const T* values, int64_t size, int64_t k, uint64_t* keys, int64_t capacity) {
  const auto keep_highest = [&](int64_t count) {
    std::nth_element(keys, keys + k - 1, keys + count, std::greater<>());
  };
  uint64_t threshold = kNoKey;
  int64_t count = 0;
  for (int64_t i = 0; i < size; ++i) {
    const uint64_t key = order_key(std::bit_cast<uint32_t>(to_float(values[i])), i);
    if (key <= threshold) continue;
    keys[count++] = key;
    if (count < capacity || count == k) continue;
    keep_highest(count);
    count = k;
    threshold = keys[k - 1];
  }
  keep_highest(count);
  std::sort(keys, keys + k, std::greater<>());
}

}  // namespace

void execute_cpu(const TopKForward& op, CpuContext& context) {
  const int64_t size = op.input.shape[-1], k = op.k;
  const int64_t capacity = std::min(size, std::max<int64_t>(2 * k, 16));
  const int64_t rows_each = std::max<int64_t>(1, 16384 / size);
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    context.parallel_ranges(op.input.rows(), rows_each, [&](int64_t first, int64_t last) {
      auto* keys = thread_scratch<uint64_t, 0>(capacity);
      for (int64_t row = first; row < last; ++row) {
        const T* values = op.input.data<T>() + row * size;
        highest_keys(values, size, k, keys, capacity);
        for (int64_t j = 0; j < k; ++j) {
          const int32_t index = index_of(keys[j]);
          op.indices.data<int32_t>()[row * k + j] = index;
          op.output.data<T>()[row * k + j] = values[index];
        }
      }
    });
  });
}

void execute_cpu(const TopKBackward& op, CpuContext& context) {
  const int64_t size = op.grad_input.shape[-1], k = op.grad_output.shape[-1];
  const int32_t* indices = op.indices.data<int32_t>();
  for (int64_t i = 0; i < op.indices.elements(); ++i) {
    if (indices[i] < 0 || indices[i] >= size) {
      fail("argument", bad_index(op.indices, i, indices[i], size));
    }
  }
  dispatch_float(op.grad_input.dtype, [&](auto type) {
    using T = decltype(type);
    context.parallel_for(op.grad_input.rows(), [&](int64_t row) {
      T* to = op.grad_input.data<T>() + row * size;
      std::memset(to, 0, static_cast<size_t>(size) * sizeof(T));
      const T* from = op.grad_output.data<T>() + row * k;
      for (int64_t j = 0; j < k; ++j) to[indices[row * k + j]] = from[j];
    });
  });
}

LEIA_CPU_EXECUTION(TopKForward)
LEIA_CPU_EXECUTION(TopKBackward)

}  // namespace leia
