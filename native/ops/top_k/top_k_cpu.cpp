// The keys of a row are partly sorted. They are numbers, so no vectors are needed to compare them.
#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

#include "core/order_key.h"
#include "cpu/cpu_context.h"
#include "ops/top_k/top_k.h"

#include "ops/max/max.h"

namespace leia {

void execute_cpu(const TopKForward& op, CpuContext& context) {
  const int64_t size = op.input.shape[-1], k = op.k;
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    context.parallel_for(op.input.rows(), [&](int64_t row) {
      const T* values = op.input.data<T>() + row * size;
      auto* keys = thread_scratch<uint64_t, 0>(size);
      for (int64_t i = 0; i < size; ++i) {
        keys[i] = order_key(std::bit_cast<uint32_t>(to_float(values[i])), i);
      }
      std::nth_element(keys, keys + k - 1, keys + size, std::greater<>());
      std::sort(keys, keys + k, std::greater<>());
      for (int64_t j = 0; j < k; ++j) {
        const int32_t index = index_of(keys[j]);
        op.indices.data<int32_t>()[row * k + j] = index;
        op.output.data<T>()[row * k + j] = values[index];
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
