// One block a row. Every thread knows the highest of its own elements; the block takes the highest
// of these k times, and whose it was looks for its next one. So a row is read once, and then a
// 256th of it k times: made for k that are small beside a row.
#include "core/order_key.h"
#include "cuda/rows.cuh"
#include "ops/max/max.h"
#include "ops/top_k/top_k.h"

namespace leia {

namespace {

template <class T, int Width>
__global__ void __launch_bounds__(kRowThreads)
    top_k_forward(Global<const T> input, Global<T> output, Global<int32_t> indices, int64_t size,
                  int64_t k) {
  const Shared<uint64_t> partial(0, kRowWarps);
  const int64_t base = blockIdx.x * size, end = base + size, to = blockIdx.x * k;
  const auto highest_to = [&](uint64_t limit) {
    uint64_t best = kNoKey;
    for_row<Width, 0>(size, [&](int64_t i, int) {
      float x[Width];
      load_floats(x, input, base + i, end);
#pragma unroll
      for (int j = 0; j < Width; ++j) {
        const uint64_t key = order_key(bits_of(x[j]), i + j);
        if (key <= limit && key > best) best = key;
      }
    });
    return best;
  };
  uint64_t own = highest_to(~uint64_t{0});
  for (int64_t j = 0; j < k; ++j) {
    const uint64_t best = block_max(own, partial);
    if (own != best) continue;
    const int32_t index = index_of(best);
    indices.store(to + j, index);
    output.store(to + j, input.load(base + index));
    own = highest_to(best - 1);
  }
}

template <class T, int Width>
__global__ void __launch_bounds__(kRowThreads)
    top_k_backward(Global<const T> grad_output, Global<const int32_t> indices, Global<T> grad_input,
                   int64_t size, int64_t k, Global<uint64_t> error_word) {
  const int64_t base = blockIdx.x * size, from = blockIdx.x * k;
  for_row<Width, 0>(size, [&](int64_t i, int) {
    const float zeros[Width] = {};
    store_floats(grad_input, base + i, base + size, zeros);
  });
  sync_threads();
  for (int64_t j = from + threadIdx.x; j < from + k; j += kRowThreads) {
    const int32_t index = indices.load(j);
    if (index < 0 || index >= size) {
      report_bad_input(error_word, j, index);
    } else {
      grad_input.store(base + index, grad_output.load(j));
    }
  }
}

}  // namespace

void execute_cuda(const TopKForward& op, CudaContext& context) {
  const int64_t size = op.input.shape[-1], rows = op.input.rows();
  if (rows == 0) return;
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    with_width<T>(size % kPack<T> == 0 && aligned(op.input), [&](auto width) {
      launch(op.kName, top_k_forward<T, width>,
             {.blocks = static_cast<uint32_t>(rows),
              .threads = kRowThreads,
              .shared_bytes = kRowWarps * sizeof(uint64_t)},
             context.stream, input<T>(op.input), output<T>(op.output), output<int32_t>(op.indices),
             size, op.k);
    });
  });
}

void execute_cuda(const TopKBackward& op, CudaContext& context) {
  const int64_t size = op.grad_input.shape[-1], rows = op.grad_input.rows();
  if (rows == 0) return;
  const Global<uint64_t> error_word =
      context.error_word([indices = op.indices, size](int64_t element, int32_t value) {
        return bad_index(indices, element, value, size);
      });
  dispatch_float(op.grad_input.dtype, [&](auto type) {
    using T = decltype(type);
    with_width<T>(size % kPack<T> == 0 && aligned(op.grad_input), [&](auto width) {
      launch(op.kName, top_k_backward<T, width>,
             {.blocks = static_cast<uint32_t>(rows), .threads = kRowThreads}, context.stream,
             input<T>(op.grad_output), input<int32_t>(op.indices), output<T>(op.grad_input), size,
             op.grad_output.shape[-1], error_word);
    });
  });
}

LEIA_CUDA_EXECUTION(TopKForward)
LEIA_CUDA_EXECUTION(TopKBackward)

}  // namespace leia
