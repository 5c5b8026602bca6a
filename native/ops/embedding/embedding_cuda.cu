// Forward copies rows. Backward gives each distinct id to one block, which adds the rows of its id
// in order: no atomics, always the same bits. Who is first with an id is found by looking at all
// ids before it; they are few enough to lie in the cache (8,192 tokens: 32 KB), so that this is
// cheaper than sorting them.
#include "cuda/context.cuh"
#include "cuda/reduce.cuh"
#include "ops/embedding/embedding.h"

namespace leia {

namespace {

constexpr uint32_t kThreads = 256;
constexpr int kWarps = kThreads / kWarpSize;
// Rows that are summed first, which keeps the sums of frequent ids accurate.
constexpr int kRowsPerSum = 32;

template <class T, int Width>
__global__ void embedding_forward(Global<const int32_t> ids, Global<const T> weight,
                                  Global<T> output, int64_t vocabulary, int64_t hidden,
                                  Global<uint64_t> error_word) {
  const int64_t row = blockIdx.x;
  const int32_t id = ids.load(row);
  if (id < 0 || id >= vocabulary) {
    if (threadIdx.x == 0) report_bad_input(error_word, row, id);
    return;
  }
  for (int64_t i = threadIdx.x * Width; i < hidden; i += int64_t{kThreads} * Width) {
    output.store_vector(row * hidden + i,
                        weight.template load_vector<Pack<T, Width>>(id * hidden + i));
  }
}

// The rows of [first, first + kThreads) with this id, in order, to `list`; returns their number.
LEIA_DEVICE int list_rows(Global<const int32_t> ids, int64_t rows, int64_t first, int32_t id,
                          Shared<int32_t> list, Shared<int32_t> warp_counts) {
  const int64_t row = first + threadIdx.x;
  const bool matches = row < rows && ids.load(row) == id;
  const uint32_t votes = ballot(matches);
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  if (lane_index() == 0) warp_counts.store(warp, count_bits(votes));
  sync_threads();
  int before = 0, total = 0;
  for (int i = 0; i < kWarps; ++i) {
    const int count = warp_counts.load(i);
    before += i < warp ? count : 0;
    total += count;
  }
  if (matches) {
    const uint32_t lower = votes & ((1u << lane_index()) - 1);
    list.store(before + count_bits(lower), static_cast<int32_t>(threadIdx.x));
  }
  sync_threads();
  return total;
}

// Block (r, y): if row r is the first with its id, the sum over the rows with that id, for tile y
// of the columns: Width columns a thread.
template <class T, int Width>
__global__ void embedding_backward(Global<const T> grad_output, Global<const int32_t> ids,
                                   Global<float> grad_weight, int64_t rows, int64_t vocabulary,
                                   int64_t hidden, Global<uint64_t> error_word) {
  const Shared<float> partial(0, kWarps);
  const Shared<int32_t> warp_counts(kWarps * sizeof(float), kWarps);
  const Shared<int32_t> list(2 * kWarps * sizeof(float), kThreads);
  const int64_t own = blockIdx.x;
  const int32_t id = ids.load(own);
  if (id < 0 || id >= vocabulary) {
    if (threadIdx.x == 0 && blockIdx.y == 0) report_bad_input(error_word, own, id);
    return;
  }
  float seen = 0.0f;
  for (int64_t i = threadIdx.x; i < own; i += kThreads) seen += ids.load(i) == id ? 1.0f : 0.0f;
  if (block_sum(seen, partial) != 0.0f) return;

  const int64_t column = (int64_t{blockIdx.y} * kThreads + threadIdx.x) * Width;
  float total[Width] = {}, sum[Width] = {};
  const auto add_up = [&] {
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      total[j] += sum[j];
      sum[j] = 0.0f;
    }
  };
  int summed = 0;
  for (int64_t first = own; first < rows; first += kThreads) {
    const int count = list_rows(ids, rows, first, id, list, warp_counts);
    for (int at = 0; at < count; ++at) {
      if (column < hidden) {
        const int64_t row = first + list.load(at);
        float g[Width];
        load_floats(g, grad_output, row * hidden + column, (row + 1) * hidden);
#pragma unroll
        for (int j = 0; j < Width; ++j) sum[j] += g[j];
      }
      if (++summed % kRowsPerSum == 0) add_up();
    }
    sync_threads();
  }
  add_up();
  if (column >= hidden) return;
  const int64_t at = id * hidden + column, end = (id + int64_t{1}) * hidden;
  float before[Width];
  load_floats(before, grad_weight.read_only(), at, end);
#pragma unroll
  for (int j = 0; j < Width; ++j) total[j] += before[j];
  store_floats(grad_weight, at, end, total);
}

Global<uint64_t> id_errors(CudaContext& context, const Tensor& ids, int64_t vocabulary) {
  return context.error_word([ids, vocabulary](int64_t element, int32_t value) {
    return bad_id(ids, element, value, vocabulary);
  });
}

}  // namespace

void execute_cuda(const EmbeddingForward& op, CudaContext& context) {
  const int64_t vocabulary = op.weight.shape[0], hidden = op.weight.shape[1];
  if (op.ids.elements() == 0) return;
  const Global<uint64_t> error_word = id_errors(context, op.ids, vocabulary);
  dispatch_float(op.weight.dtype, [&](auto type) {
    using T = decltype(type);
    with_width<T>(hidden % kPack<T> == 0 && aligned(op.weight, op.output), [&](auto width) {
      launch(op.kName, embedding_forward<T, width>,
             {.blocks = static_cast<uint32_t>(op.ids.elements()), .threads = kThreads},
             context.stream, input<int32_t>(op.ids), input<T>(op.weight), output<T>(op.output),
             vocabulary, hidden, error_word);
    });
  });
}

void execute_cuda(const EmbeddingBackward& op, CudaContext& context) {
  const int64_t vocabulary = op.grad_weight.shape[0], hidden = op.grad_weight.shape[1];
  const int64_t rows = op.ids.elements();
  if (rows == 0) return;
  const Global<uint64_t> error_word = id_errors(context, op.ids, vocabulary);
  dispatch_float(op.grad_output.dtype, [&](auto type) {
    using T = decltype(type);
    const bool wide = hidden % kPack<T> == 0 && aligned(op.grad_output, op.grad_weight);
    with_width<T>(wide, [&](auto width) {
      const int64_t columns = int64_t{kThreads} * width;
      const LaunchShape shape{
          .blocks = static_cast<uint32_t>(rows),
          .blocks_y = static_cast<uint32_t>(std::max<int64_t>(1, (hidden + columns - 1) / columns)),
          .threads = kThreads,
          .shared_bytes = (2 * kWarps + kThreads) * sizeof(float)};
      launch(op.kName, embedding_backward<T, width>, shape, context.stream,
             input<T>(op.grad_output), input<int32_t>(op.ids), output<float>(op.grad_weight), rows,
             vocabulary, hidden, error_word);
    });
  });
}

LEIA_CUDA_EXECUTION(EmbeddingForward)
LEIA_CUDA_EXECUTION(EmbeddingBackward)

}  // namespace leia
