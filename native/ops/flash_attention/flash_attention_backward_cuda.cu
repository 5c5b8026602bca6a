// Three kernels. One makes D = rowsum(dO * O) of every query. In the other two a block owns rows of
// one side of the scores and walks over tiles of the other, the next tiles on their way while it
// multiplies: queries for dQ, keys for dK and dV, where the scores are made transposed. So
// probabilities and their gradients are left operands straight from the registers, and nothing is
// summed across blocks: the bits are the same every time, for seven products instead of five.
#include "ops/flash_attention/flash_attention_rows.cuh"
#include "ops/flash_attention/flash_attention_tiles.h"

namespace leia {

namespace {

// Every tile's size divides it.
constexpr int32_t kTotalsPadding = 128;

// What backward needs to know of every query, [batch, heads, padded queries]: D, and the
// log-sum-exp in base 2. Where there is no query, or none of its keys is visible, that is infinite,
// so that probabilities come out as zero.
struct Totals {
  Global<float> logsumexp, product;
  int32_t padded;
};

template <class T>
struct BackwardArguments {
  Global<const T> grad_output, query, key, value;
  Global<T> grad_query, grad_key, grad_value;
  Global<const float> logsumexp, product;  // the totals
  Visibility visibility;
  int32_t heads, kv_heads, padded;
  float scale;  // positive
};

constexpr uint32_t kTotalsThreads = 256;

// Lanes that share a row: as many as it has packs of 16 bytes, rounded up to a power of two.
template <class T, int Dims>
constexpr int kLanesOfRow = Dims > 16 * kPack<T>  ? 32
                            : Dims > 8 * kPack<T> ? 16
                            : Dims > 4 * kPack<T> ? 8
                                                  : 4;

template <class T, int Dims>
__global__ void flash_attention_totals(Global<const T> grad_output, Global<const T> output,
                                       Global<const float> logsumexp, Totals totals, int64_t rows,
                                       int32_t queries, int32_t heads) {
  constexpr int kLanes = kLanesOfRow<T, Dims>, kWidth = kPack<T>;
  // Rows in the order of memory: [batch, padded queries, heads].
  const int64_t row = first_element(1) / kLanes;
  const int lane = lane_index() % kLanes;
  const int64_t position = row / heads, head = row % heads;
  const int64_t batch = position / totals.padded, query = position % totals.padded;
  const bool real = row < rows && query < queries;
  float sum = 0.0f;
  if (real) {
    const int64_t first = ((batch * queries + query) * heads + head) * Dims;
    for (int dim = lane * kWidth; dim < Dims; dim += kLanes * kWidth) {
      float gradients[kWidth], outputs[kWidth];
      load_floats(gradients, grad_output, first + dim, first + Dims);
      load_floats(outputs, output, first + dim, first + Dims);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) sum += gradients[i] * outputs[i];
    }
  }
#pragma unroll
  for (int bits = kLanes / 2; bits > 0; bits /= 2) sum += shuffle_xor(sum, bits);
  if (lane != 0 || row >= rows) return;
  const float saved =
      real ? logsumexp.load((batch * heads + head) * queries + query) : -__builtin_inff();
  const int64_t at = (batch * heads + head) * totals.padded + query;
  totals.product.store(at, sum);
  totals.logsumexp.store(at, saved == -__builtin_inff() ? -saved : saved * kLog2E);
}

// Where things lie in shared memory: two tiles of the block's own rows, two stages of two tiles of
// the other side.
template <class T, int Dims>
struct BackwardMemory {
  using Tiles = BackwardTiles<T, Dims>;
  using Own = Tile<T, Tiles::kRows, Dims>;
  using Other = Tile<T, Tiles::kColumns, Dims>;
  using RowSpans = Spans<Tiles::kRows>;
  static constexpr size_t kOther = 2 * Own::kBytes, kSpans = kOther + 4 * Other::kBytes;
  static constexpr size_t kTotals = kSpans + RowSpans::kBytes;
  static constexpr size_t bytes() { return kTotals + 4 * Tiles::kColumns * sizeof(float); }

  LEIA_DEVICE static Own own(int which) { return Own(which * Own::kBytes); }
  LEIA_DEVICE static Other other(int stage, int which) {
    return Other(kOther + (2 * stage + which) * Other::kBytes);
  }
};

template <class T, int Dims>
__global__ void __launch_bounds__(BackwardTiles<T, Dims>::kWarps* kWarpSize)
    flash_attention_grad_query(BackwardArguments<T> arguments) {
  using Tiles = BackwardTiles<T, Dims>;
  using Memory = BackwardMemory<T, Dims>;
  constexpr int kRows = Tiles::kRows, kColumns = Tiles::kColumns, kSlice = Tiles::kSlice;
  constexpr int kThreads = Tiles::kWarps * kWarpSize, kWarpRows = kRows / Tiles::kWarps;
  constexpr int M = kWarpRows / 16, N = kSlice / 8, D = Dims / 8;
  const Visibility& visibility = arguments.visibility;
  const int64_t batch = blockIdx.z;
  const int32_t heads = arguments.heads, head = static_cast<int32_t>(blockIdx.y);
  const int32_t kv_heads = arguments.kv_heads, kv_head = head / (heads / kv_heads);
  // The longest causal blocks first.
  const int32_t first = static_cast<int32_t>(gridDim.x - 1 - blockIdx.x) * kRows;
  const int32_t queries = visibility.queries, keys = visibility.keys;
  const HeadRows<const T> key(arguments.key, batch, keys, kv_heads, kv_head, Dims);
  const HeadRows<const T> value(arguments.value, batch, keys, kv_heads, kv_head, Dims);

  const typename Memory::Own query_tile = Memory::own(0), grad_tile = Memory::own(1);
  const typename Memory::RowSpans spans(Memory::kSpans);
  query_tile.template start_copy<kThreads>(
      HeadRows<const T>(arguments.query, batch, queries, heads, head, Dims), first);
  grad_tile.template start_copy<kThreads>(
      HeadRows<const T>(arguments.grad_output, batch, queries, heads, head, Dims), first);
  for (int row = static_cast<int>(threadIdx.x); row < kRows; row += kThreads) {
    spans.store(row, visibility.keys_of(batch, smaller(first + row, queries - 1)));
  }
  sync_threads();
  const Span any = spans.any();
  const auto start = [&](int32_t column, int stage) {
    Memory::other(stage, 0).template start_copy<kThreads>(key, column);
    Memory::other(stage, 1).template start_copy<kThreads>(value, column);
    copy_async_commit();
  };
  start(any.first, 0);

  const int warp_row = static_cast<int>(threadIdx.x) / kWarpSize * kWarpRows;
  const float scale = arguments.scale * kLog2E;
  float logsumexp[M][2], product[M][2];
#pragma unroll
  for (int m = 0; m < M; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int64_t at = (batch * heads + head) * arguments.padded + first + warp_row + 16 * m +
                         8 * half + lane_index() / 4;
      logsumexp[m][half] = arguments.logsumexp.load(at);
      product[m][half] = arguments.product.load(at);
    }
  }
  Sums<M, D> grad_query;
  clear<M, D>(grad_query);
  int stage = 0;
  for (int32_t column = any.first; column < any.last; column += kColumns) {
    copy_async_wait<0>();
    sync_threads();  // this stage is there, the other no longer in use
    if (column + kColumns < any.last) start(column + kColumns, stage ^ 1);
    const typename Memory::Other key_tile = Memory::other(stage, 0);
    const typename Memory::Other value_tile = Memory::other(stage, 1);
    const Span all = spans.all();
    const bool masked = column < all.first || column + kColumns > all.last;
#pragma unroll
    for (int slice = 0; slice < kColumns; slice += kSlice) {
      Sums<M, N> probabilities, gradients;
      multiply_transposed<M, N, Tiles::kUnroll>(probabilities, query_tile, warp_row, key_tile,
                                                slice);
      multiply_transposed<M, N, Tiles::kUnroll>(gradients, grad_tile, warp_row, value_tile, slice);
      if (masked) spans.template mask<M, N>(probabilities, warp_row, column + slice);
#pragma unroll
      for (int m = 0; m < M; ++m) {
#pragma unroll
        for (int n = 0; n < N; ++n) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const float p = exp2_approximate(probabilities[m][n][i] * scale - logsumexp[m][i / 2]);
            gradients[m][n][i] = p * (gradients[m][n][i] - product[m][i / 2]);
          }
        }
      }
      multiply_rows<M, N, D>(grad_query, gradients, key_tile, slice);
    }
    stage ^= 1;
  }
  copy_async_wait<0>();
  sync_threads();

  float factors[M][2];
#pragma unroll
  for (int m = 0; m < M; ++m) factors[m][0] = factors[m][1] = arguments.scale;
  const HeadRows<T> to(arguments.grad_query, batch, queries, heads, head, Dims);
  write_sums<M, D>(grad_query, factors, query_tile, warp_row, to, first + warp_row);
}

template <class T, int Dims>
__global__ void __launch_bounds__(BackwardTiles<T, Dims>::kWarps* kWarpSize)
    flash_attention_grad_key_value(BackwardArguments<T> arguments) {
  using Tiles = BackwardTiles<T, Dims>;
  using Memory = BackwardMemory<T, Dims>;
  constexpr int kRows = Tiles::kRows, kColumns = Tiles::kColumns, kSlice = Tiles::kSlice;
  constexpr int kThreads = Tiles::kWarps * kWarpSize, kWarpRows = kRows / Tiles::kWarps;
  constexpr int kParts = Dims / Tiles::kSumDims;
  constexpr int M = kWarpRows / 16, N = kSlice / 8, D = Tiles::kSumDims / 8;
  const Visibility& visibility = arguments.visibility;
  const int64_t batch = blockIdx.z;
  const int32_t kv_heads = arguments.kv_heads, kv_head = static_cast<int32_t>(blockIdx.y);
  const int32_t heads = arguments.heads, group = heads / kv_heads;
  const int32_t first = static_cast<int32_t>(blockIdx.x / kParts) * kRows;
  const int first_dim = static_cast<int>(blockIdx.x % kParts) * Tiles::kSumDims;
  const int32_t queries = visibility.queries, keys = visibility.keys;

  const typename Memory::Own key_tile = Memory::own(0), value_tile = Memory::own(1);
  const typename Memory::RowSpans spans(Memory::kSpans);
  const Shared<float> totals(Memory::kTotals, 4 * kColumns);
  key_tile.template start_copy<kThreads>(
      HeadRows<const T>(arguments.key, batch, keys, kv_heads, kv_head, Dims), first);
  value_tile.template start_copy<kThreads>(
      HeadRows<const T>(arguments.value, batch, keys, kv_heads, kv_head, Dims), first);
  for (int row = static_cast<int>(threadIdx.x); row < kRows; row += kThreads) {
    spans.store(row, visibility.queries_of(batch, smaller(first + row, keys - 1)));
  }
  sync_threads();
  const Span any = spans.any();
  const int32_t begin = any.first / kColumns * kColumns;
  const auto start = [&](int32_t head, int32_t column, int stage) {
    Memory::other(stage, 0).template start_copy<kThreads>(
        HeadRows<const T>(arguments.query, batch, queries, heads, head, Dims), column);
    Memory::other(stage, 1).template start_copy<kThreads>(
        HeadRows<const T>(arguments.grad_output, batch, queries, heads, head, Dims), column);
    const int i = static_cast<int>(threadIdx.x) * 4;
    if (i < kColumns) {
      const int64_t from = (batch * heads + head) * arguments.padded + column + i;
      copy_async_16(totals, 2 * stage * kColumns + i, arguments.logsumexp, from);
      copy_async_16(totals, (2 * stage + 1) * kColumns + i, arguments.product, from);
    }
    copy_async_commit();
  };
  int32_t head = kv_head * group, column = begin;
  const int32_t last_head = begin < any.last ? head + group : head;
  if (head < last_head) start(head, column, 0);

  const int warp_row = static_cast<int>(threadIdx.x) / kWarpSize * kWarpRows;
  const float scale = arguments.scale * kLog2E;
  Sums<M, D> grad_key, grad_value;
  clear<M, D>(grad_key);
  clear<M, D>(grad_value);
  int stage = 0;
  while (head < last_head) {
    copy_async_wait<0>();
    sync_threads();  // this stage is there, the other no longer in use
    int32_t next_head = head, next_column = column + kColumns;
    if (next_column >= any.last) {
      ++next_head;
      next_column = begin;
    }
    if (next_head < last_head) start(next_head, next_column, stage ^ 1);
    const typename Memory::Other query_tile = Memory::other(stage, 0);
    const typename Memory::Other grad_tile = Memory::other(stage, 1);
    const Span all = spans.all();
    const bool masked = column < all.first || column + kColumns > all.last;
#pragma unroll
    for (int slice = 0; slice < kColumns; slice += kSlice) {
      const int own = 2 * stage * kColumns + slice + lane_index() % 4 * 2;
      Sums<M, N> probabilities, gradients;
      multiply_transposed<M, N, Tiles::kUnroll>(probabilities, key_tile, warp_row, query_tile,
                                                slice);
      if (masked) spans.template mask<M, N>(probabilities, warp_row, column + slice);
#pragma unroll
      for (int n = 0; n < N; ++n) {
        const auto logsumexp = totals.load_vector<Pack<float, 2>>(own + 8 * n);
#pragma unroll
        for (int m = 0; m < M; ++m) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            probabilities[m][n][i] =
                exp2_approximate(probabilities[m][n][i] * scale - logsumexp.values[i % 2]);
          }
        }
      }
      multiply_rows<M, N, D>(grad_value, probabilities, grad_tile, slice, first_dim);
      multiply_transposed<M, N, Tiles::kUnroll>(gradients, value_tile, warp_row, grad_tile, slice);
#pragma unroll
      for (int n = 0; n < N; ++n) {
        const auto product = totals.load_vector<Pack<float, 2>>(own + kColumns + 8 * n);
#pragma unroll
        for (int m = 0; m < M; ++m) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            gradients[m][n][i] =
                probabilities[m][n][i] * (gradients[m][n][i] - product.values[i % 2]);
          }
        }
      }
      multiply_rows<M, N, D>(grad_key, gradients, query_tile, slice, first_dim);
    }
    head = next_head;
    column = next_column;
    stage ^= 1;
  }
  copy_async_wait<0>();
  sync_threads();

  // A warp's keys and values were read by that warp alone: their tiles take their gradients.
  float factors[M][2], ones[M][2];
#pragma unroll
  for (int m = 0; m < M; ++m) {
    factors[m][0] = factors[m][1] = arguments.scale;
    ones[m][0] = ones[m][1] = 1.0f;
  }
  write_sums<M, D>(grad_key, factors, key_tile, warp_row,
                   HeadRows<T>(arguments.grad_key, batch, keys, kv_heads, kv_head, Dims),
                   first + warp_row, first_dim);
  write_sums<M, D>(grad_value, ones, value_tile, warp_row,
                   HeadRows<T>(arguments.grad_value, batch, keys, kv_heads, kv_head, Dims),
                   first + warp_row, first_dim);
}

template <class T, int Dims>
void launch_backward(const FlashAttentionBackward& op, CudaContext& context) {
  using Tiles = BackwardTiles<T, Dims>;
  const char* name = op.kName;
  const int64_t batch = op.query.shape[0], queries = op.query.shape[1], heads = op.query.shape[2];
  const int64_t keys = op.key.shape[1], kv_heads = op.key.shape[2];
  const PositiveScale scale(op.options.scale);
  const int32_t padded = static_cast<int32_t>(blocks_of(queries, kTotalsPadding)) * kTotalsPadding;
  const int64_t rows = batch * padded * heads;
  const Totals totals{context.scratch<float>(rows), context.scratch<float>(rows), padded};
  const RowsOut<T, Dims> grad_query(context, op.grad_query, scale.query_factor);
  const RowsOut<T, Dims> grad_key(context, op.grad_key), grad_value(context, op.grad_value);
  const BackwardArguments<T> arguments{
      rows_in<T, Dims>(name, context, op.grad_output),
      rows_in<T, Dims>(name, context, op.query, scale.query_factor),
      rows_in<T, Dims>(name, context, op.key),
      rows_in<T, Dims>(name, context, op.value),
      grad_query.rows(),
      grad_key.rows(),
      grad_value.rows(),
      totals.logsumexp.read_only(),
      totals.product.read_only(),
      visibility_of(op, context),
      static_cast<int32_t>(heads),
      static_cast<int32_t>(kv_heads),
      padded,
      scale.scale};
  const auto shape = [&](int64_t positions, int64_t own_heads, int64_t parts) {
    return LaunchShape{.blocks = static_cast<uint32_t>(parts) * blocks_of(positions, Tiles::kRows),
                       .blocks_y = static_cast<uint32_t>(own_heads),
                       .blocks_z = static_cast<uint32_t>(batch),
                       .threads = Tiles::kWarps * kWarpSize,
                       .shared_bytes = BackwardMemory<T, Dims>::bytes()};
  };
  if (rows > 0) {
    launch(name, flash_attention_totals<T, Dims>,
           {.blocks = blocks_of(rows * kLanesOfRow<T, Dims>, kTotalsThreads),
            .threads = kTotalsThreads},
           context.stream, arguments.grad_output, rows_in<T, Dims>(name, context, op.output),
           input<float>(op.logsumexp), totals, rows, static_cast<int32_t>(queries),
           static_cast<int32_t>(heads));
    launch(name, flash_attention_grad_query<T, Dims>, shape(queries, heads, 1), context.stream,
           arguments);
  }
  launch(name, flash_attention_grad_key_value<T, Dims>,
         shape(keys, kv_heads, Dims / Tiles::kSumDims), context.stream, arguments);
  grad_query.finish(name);
  grad_key.finish(name);
  grad_value.finish(name);
}

}  // namespace

void execute_cuda(const FlashAttentionBackward& op, CudaContext& context) {
  if (op.key.elements() == 0) return;
  dispatch_attention(op.query, [&](auto type, auto dims) {
    launch_backward<decltype(type), decltype(dims)::value>(op, context);
  });
}

LEIA_CUDA_EXECUTION(FlashAttentionBackward)

}  // namespace leia
