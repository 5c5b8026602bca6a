// A block owns a block of queries of one head and walks over the keys they see. The tiles of keys
// and of values take turns: while the tensor cores multiply with one, the other is on its way. The
// softmax is that of base 2: log2(e) is part of the scale.
#include "cuda/hopper.h"
#include "ops/flash_attention/flash_attention_decode.cuh"
#include "ops/flash_attention/flash_attention_hopper.h"
#include "ops/flash_attention/flash_attention_rows.cuh"
#include "ops/flash_attention/flash_attention_softmax.cuh"
#include "ops/flash_attention/flash_attention_tiles.h"

namespace leia {

namespace {

// Where things lie in shared memory.
template <class T, int Dims>
struct ForwardMemory {
  using Tiles = ForwardTiles<T, Dims>;
  using Query = Tile<T, Tiles::kRows, Dims>;
  using Key = Tile<T, Tiles::kColumns, Dims>;
  using QuerySpans = Spans<Tiles::kRows>;
  static constexpr size_t kKey = Query::kBytes, kValue = kKey + Key::kBytes;
  static constexpr size_t kSpans = kValue + Key::kBytes;
  static constexpr size_t bytes() { return kSpans + QuerySpans::kBytes; }
};

template <class T, int Dims>
__global__ void __launch_bounds__(ForwardTiles<T, Dims>::kWarps* kWarpSize)
    flash_attention_forward(ForwardArguments<T> arguments) {
  using Tiles = ForwardTiles<T, Dims>;
  using Memory = ForwardMemory<T, Dims>;
  constexpr int kRows = Tiles::kRows, kColumns = Tiles::kColumns;
  constexpr int kThreads = Tiles::kWarps * kWarpSize, kWarpRows = kRows / Tiles::kWarps;
  constexpr int M = kWarpRows / 16, N = kColumns / 8, D = Dims / 8;
  const Visibility& visibility = arguments.visibility;
  const int64_t batch = blockIdx.z;
  const int32_t heads = arguments.heads, head = static_cast<int32_t>(blockIdx.y);
  const int32_t kv_heads = arguments.kv_heads, kv_head = head / (heads / kv_heads);
  // The longest causal blocks first, so that the multiprocessors end together.
  const int32_t first = static_cast<int32_t>(gridDim.x - 1 - blockIdx.x) * kRows;
  const HeadRows<const T> query(arguments.query, batch, visibility.queries, heads, head, Dims);
  const int32_t keys = visibility.keys, key_count = visibility.key_count(batch);
  const auto key =
      HeadRows<const T>(arguments.key, batch, keys, kv_heads, kv_head, Dims).until(key_count);
  const auto value =
      HeadRows<const T>(arguments.value, batch, keys, kv_heads, kv_head, Dims).until(key_count);

  const typename Memory::Query query_tile(0);
  const typename Memory::Key key_tile(Memory::kKey), value_tile(Memory::kValue);
  const typename Memory::QuerySpans spans(Memory::kSpans);
  query_tile.template start_copy<kThreads>(query, first);
  for (int row = static_cast<int>(threadIdx.x); row < kRows; row += kThreads) {
    spans.store(row, visibility.keys_of(batch, smaller(first + row, visibility.queries - 1)));
  }
  sync_threads();
  const Span any = spans.any();
  key_tile.template start_copy<kThreads>(key, any.first);
  copy_async_commit();

  const int warp_row = static_cast<int>(threadIdx.x) / kWarpSize * kWarpRows;
  const float scale = arguments.scale * kLog2E;
  Sums<M, D> outputs;
  clear<M, D>(outputs);
  RunningSoftmax<M> softmax;
  for (int32_t column = any.first; column < any.last; column += kColumns) {
    copy_async_wait<0>();
    sync_threads();  // the keys are there, the values no longer in use
    value_tile.template start_copy<kThreads>(value, column);
    copy_async_commit();
    Sums<M, N> scores;
    multiply_transposed<M, N, Tiles::kUnroll>(scores, query_tile, warp_row, key_tile, 0);
    if (arguments.softcap.given()) arguments.softcap.template bound<T, M, N>(scores);
    const Span all = spans.all();
    if (column < all.first || column + kColumns > all.last) {
      spans.template mask<M, N>(scores, warp_row, column);
    }
    softmax.template step<N, D>(scores, outputs, scale);
    finish_before_wait(softmax.sum_of_rows());
    copy_async_wait<0>();
    sync_threads();  // the values are there, the keys no longer in use
    if (column + kColumns < any.last) {
      key_tile.template start_copy<kThreads>(key, column + kColumns);
      copy_async_commit();
    }
    multiply_rows<M, N, D>(outputs, scores, value_tile, 0);
  }
  // Where no key was visible, the queries may still be on their way.
  copy_async_wait<0>();
  sync_threads();

  float inverse[M][2];
#pragma unroll
  for (int m = 0; m < M; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float total = softmax.total(m, half);
      inverse[m][half] = total == 0.0f ? 0.0f : 1.0f / total;
      const int32_t position = first + warp_row + 16 * m + 8 * half + lane_index() / 4;
      if (lane_index() % 4 == 0 && position < visibility.queries) {
        const float logsumexp = total == 0.0f
                                    ? -__builtin_inff()
                                    : softmax.top[m][half] * arguments.scale + logf(total);
        const int64_t row = (batch * heads + head) * visibility.queries;
        arguments.logsumexp.store(row + position, logsumexp);
      }
    }
  }
  // A warp's queries were read by that warp alone: their tile takes its output.
  const HeadRows<T> output(arguments.output, batch, visibility.queries, heads, head, Dims);
  write_sums<M, D>(outputs, inverse, query_tile, warp_row, output, first + warp_row);
}

template <class T, int Dims>
void launch_forward(const char* name, CudaContext& context, const ForwardArguments<T>& arguments,
                    int64_t batch) {
  if constexpr (std::is_same_v<T, bfloat16> && has_hopper_forward(Dims)) {
    if (use_hopper_kernels()) return launch_hopper_forward<Dims>(name, context, arguments, batch);
  }
  using Tiles = ForwardTiles<T, Dims>;
  launch(name, flash_attention_forward<T, Dims>,
         {.blocks = blocks_of(arguments.visibility.queries, Tiles::kRows),
          .blocks_y = static_cast<uint32_t>(arguments.heads),
          .blocks_z = static_cast<uint32_t>(batch),
          .threads = Tiles::kWarps * kWarpSize,
          .shared_bytes = ForwardMemory<T, Dims>::bytes()},
         context.stream, arguments);
}

}  // namespace

void execute_cuda(const FlashAttentionForward& op, CudaContext& context) {
  if (op.query.elements() == 0) return;
  const Shape& shape = op.query.shape;
  const PositiveScale scale(op.options.scale);
  const Softcap softcap(op.options.softcap, scale.scale);
  const Visibility visibility = visibility_of(op, context);
  dispatch_attention(op.query, [&](auto type, auto dims) {
    using T = decltype(type);
    constexpr int kDims = decltype(dims)::value;
    const RowsOut<T, kDims> rows_out(context, op.output);
    const ForwardArguments<T> arguments{
        rows_in<T, kDims>(op.kName, context, op.query, scale.query_factor),
        rows_in<T, kDims>(op.kName, context, op.key),
        rows_in<T, kDims>(op.kName, context, op.value),
        rows_out.rows(),
        output<float>(op.logsumexp),
        visibility,
        static_cast<int32_t>(shape[2]),
        static_cast<int32_t>(op.key.shape[2]),
        softcap,
        softcap.scale_behind(scale.scale)};
    if (is_decoding(op)) {
      launch_decode<T, kDims>(op.kName, context, arguments, shape[0]);
    } else {
      launch_forward<T, kDims>(op.kName, context, arguments, shape[0]);
    }
    rows_out.finish(op.kName);
  });
}

LEIA_CUDA_EXECUTION(FlashAttentionForward)

}  // namespace leia
