// Two kernels. One makes D = rowsum(dO * O) of every query. In the other a block owns keys and
// walks over the queries that see them, the next ones on their way while it multiplies, with five
// products a step: the scores and their gradients, which pass through shared memory, and from these
// dV, dK and its part of dQ.
//
// The parts of dQ are added up in global memory in the order of the blocks of keys, so the bits are
// the same every time. A block adds to a tile of queries when the block before it has. As every
// block walks from its last queries to its first, causal or not, it can start a step after the one
// before, and they all go on side by side.
#include "cuda/turns.cuh"
#include "ops/flash_attention/flash_attention_rows.cuh"
#include "ops/flash_attention/flash_attention_tiles.h"

namespace leia {

namespace {

// Every tile's size divides it.
constexpr int32_t kTotalsPadding = 128;

// What backward needs to know of every query, [batch, heads, padded queries]: D, and the
// log-sum-exp in base 2. Where there is no query that is infinite, so that probabilities come out
// as zero.
struct Totals {
  Global<float> logsumexp, product;
  int32_t padded;
};

// How blocks of keys add to dQ in turn.
struct Turns {
  Global<uint32_t> tickets;  // one counter
  Global<uint32_t> next;     // [batch, heads, tiles of queries]: which block of keys may add
  Global<Span> blocks;       // [batch, tiles of queries]: first and last block of keys that adds
  int32_t tiles, queries, keys;  // number of tiles, queries of one, keys of a block
};

template <class T>
struct BackwardArguments {
  Global<const T> grad_output, query, key, value;
  Global<T> grad_query, grad_key, grad_value;
  Global<const float> logsumexp, product;  // the totals
  // dQ so far, in float32: [batch, heads, tiles, sums of a thread / 4, threads, 4].
  Global<float> sums;
  Turns turns;
  Visibility visibility;
  int32_t heads, kv_heads, padded, key_blocks;
  float scale;  // positive
};

constexpr uint32_t kTotalsThreads = 256;

// Lanes that share a row: as many as it has packs of 16 bytes, rounded up to a power of two.
template <class T, int Dims>
constexpr int kLanesOfRow = Dims > 16 * kPack<T>  ? 32
                            : Dims > 8 * kPack<T> ? 16
                            : Dims > 4 * kPack<T> ? 8
                                                  : 4;

// Also gives every tile's turn to the first block that adds to it.
template <class T, int Dims>
__global__ void flash_attention_totals(Global<const T> grad_output, Global<const T> output,
                                       Global<const float> logsumexp, Totals totals, Turns turns,
                                       Visibility visibility, int64_t rows, int32_t heads) {
  constexpr int kLanes = kLanesOfRow<T, Dims>, kWidth = kPack<T>;
  const int32_t queries = visibility.queries;
  if (first_element(1) == 0) turns.tickets.store(0, 0);
  if (rows == 0) return;
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
  if (real && query % turns.queries == 0) {
    const Span blocks =
        visibility.key_blocks_of(batch, static_cast<int32_t>(query), turns.queries, turns.keys);
    const int64_t tile = query / turns.queries;
    if (head == 0) turns.blocks.store(batch * turns.tiles + tile, blocks);
    turns.next.store((batch * heads + head) * turns.tiles + tile,
                     static_cast<uint32_t>(blocks.first));
  }
}

// Where things lie in shared memory.
template <class T, int Dims, bool Small>
struct BackwardMemory {
  using Tiles = BackwardTiles<T, Dims, Small>;
  using Keys = Tile<T, Tiles::kKeys, Dims>;
  using Queries = Tile<T, Tiles::kQueries, Dims>;
  using Scores = Tile<T, Tiles::kQueries, Tiles::kKeys>;
  using KeySpans = Spans<Tiles::kKeys>;
  static constexpr size_t kQueries = 2 * Keys::kBytes;
  static constexpr size_t kScores = kQueries + 2 * Tiles::kStages * Queries::kBytes;
  static constexpr size_t kSpans = kScores + 2 * Scores::kBytes;
  static constexpr size_t kTotals = kSpans + KeySpans::kBytes;
  static constexpr int kTotalsCount = 2 * Tiles::kStages * Tiles::kQueries;
  static constexpr size_t bytes() { return kTotals + kTotalsCount * sizeof(float); }

  LEIA_DEVICE static Keys keys(int which) { return Keys(which * Keys::kBytes); }
  LEIA_DEVICE static Queries queries(int stage, int which) {
    return Queries(kQueries + (2 * stage + which) * Queries::kBytes);
  }
  LEIA_DEVICE static Scores scores(int which) { return Scores(kScores + which * Scores::kBytes); }
};

// A warp's part of a product of Rows by Columns.
template <int Rows, int Columns>
struct WarpPart {
  int row, column;

  LEIA_DEVICE WarpPart(int warp, const WarpGrid& grid)
      : row(warp / grid.across * Rows), column(warp % grid.across * Columns) {}
};

template <class T, int Dims, bool Small>
__global__ void __launch_bounds__(BackwardTiles<T, Dims, Small>::kWarps* kWarpSize, 1)
    flash_attention_backward(BackwardArguments<T> arguments) {
  using Tiles = BackwardTiles<T, Dims, Small>;
  using Memory = BackwardMemory<T, Dims, Small>;
  constexpr int kQueries = Tiles::kQueries, kKeys = Tiles::kKeys, kStages = Tiles::kStages;
  constexpr int kThreads = Tiles::kWarps * kWarpSize;
  // Rows and columns of a warp's part of the scores, of dK and dV, of dQ, and its tiles of 16 x 8.
  constexpr WarpGrid kScores = Tiles::kScores, kKeyGrid = Tiles::kKeyGradients;
  constexpr WarpGrid kQueryGrid = Tiles::kQueryGradients;
  constexpr int kScoreRows = kQueries / kScores.down, kScoreColumns = kKeys / kScores.across;
  constexpr int kKeyRows = kKeys / kKeyGrid.down, kKeyColumns = Dims / kKeyGrid.across;
  constexpr int kQueryRows = kQueries / kQueryGrid.down;
  constexpr int kQueryColumns = Dims / kQueryGrid.across;
  constexpr int M = kScoreRows / 16, N = kScoreColumns / 8;
  constexpr int KM = kKeyRows / 16, KN = kKeyColumns / 8;
  constexpr int QM = kQueryRows / 16, QN = kQueryColumns / 8;
  constexpr int kScoreWarps = kScores.down * kScores.across;
  static_assert(kScoreWarps <= Tiles::kWarps && kKeyGrid.down * kKeyGrid.across == Tiles::kWarps &&
                kQueryGrid.down * kQueryGrid.across == Tiles::kWarps);
  static_assert(N % 2 == 0 && KN % 2 == 0 && QN % 2 == 0 && M * KM * QM > 0);

  const Visibility& visibility = arguments.visibility;
  if (visibility.is_broken()) return;  // turns would not come
  const typename Memory::KeySpans spans(Memory::kSpans);
  const Shared<uint32_t> ticket(Memory::kSpans, 1);
  if (threadIdx.x == 0) ticket.store(0, take_ticket(arguments.turns.tickets));
  sync_threads();
  const auto own = static_cast<int32_t>(ticket.load(0));
  const int32_t block = own % arguments.key_blocks, first = block * kKeys;
  const int32_t heads = arguments.heads, kv_heads = arguments.kv_heads, group = heads / kv_heads;
  const int32_t kv_head = own / arguments.key_blocks % kv_heads;
  const int64_t batch = own / arguments.key_blocks / kv_heads;
  const int32_t queries = visibility.queries, keys = visibility.keys;
  sync_threads();  // the ticket's place is free

  const typename Memory::Keys key_tile = Memory::keys(0), value_tile = Memory::keys(1);
  const typename Memory::Scores probability_tile = Memory::scores(0);
  const typename Memory::Scores gradient_tile = Memory::scores(1);
  const Shared<float> totals(Memory::kTotals, Memory::kTotalsCount);
  key_tile.template start_copy<kThreads>(
      HeadRows<const T>(arguments.key, batch, keys, kv_heads, kv_head, Dims), first);
  value_tile.template start_copy<kThreads>(
      HeadRows<const T>(arguments.value, batch, keys, kv_heads, kv_head, Dims), first);
  for (int i = static_cast<int>(threadIdx.x); i < kKeys; i += kThreads) {
    Span span = visibility.queries_of(batch, smaller(first + i, keys - 1));
    // Nobody sees what lies beyond the end: there exp(0 - L) may be infinite, and that times the
    // zeros of the keys is not zero in dQ.
    if (first + i >= keys) span.first = queries;
    spans.store(i, span);
  }
  sync_threads();
  const Span any = spans.any(), all = spans.all();
  const int32_t first_tile = any.first / kQueries, last_tile = (any.last - 1) / kQueries;
  const auto start = [&](int32_t head, int32_t tile, int stage) {
    Memory::queries(stage, 0).template start_copy<kThreads>(
        HeadRows<const T>(arguments.query, batch, queries, heads, head, Dims), tile * kQueries);
    Memory::queries(stage, 1).template start_copy<kThreads>(
        HeadRows<const T>(arguments.grad_output, batch, queries, heads, head, Dims),
        tile * kQueries);
    const int i = static_cast<int>(threadIdx.x) * 4;
    if (i < kQueries) {
      const int64_t from = (batch * heads + head) * arguments.padded + tile * kQueries + i;
      copy_async_16(totals, 2 * stage * kQueries + i, arguments.logsumexp, from);
      copy_async_16(totals, (2 * stage + 1) * kQueries + i, arguments.product, from);
    }
    copy_async_commit();
  };
  int32_t head = kv_head * group, tile = last_tile;
  const int32_t last_head = any.first < any.last ? head + group : head;
  if (head < last_head) start(head, tile, 0);

  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const WarpPart<kScoreRows, kScoreColumns> score_part(warp, kScores);
  const WarpPart<kKeyRows, kKeyColumns> key_part(warp, kKeyGrid);
  const WarpPart<kQueryRows, kQueryColumns> query_part(warp, kQueryGrid);
  const float scale = arguments.scale * kLog2E;
  Sums<KM, KN> grad_key, grad_value;
  clear<KM, KN>(grad_key);
  clear<KM, KN>(grad_value);
  int64_t held = -1;  // the turn to pass on
  int stage = 0;
  while (head < last_head) {
    copy_async_wait<0>();
    sync_threads();  // this stage is there, nothing of the step before is in use, its sums are
                     // stored
    if (held >= 0 && threadIdx.x == 0) {
      pass_turn(arguments.turns.next, held, static_cast<uint32_t>(block + 1));
    }
    const bool wraps = tile == first_tile;
    const int32_t next_head = wraps ? head + 1 : head, next_tile = wraps ? last_tile : tile - 1;
    if (kStages == 2 && next_head < last_head) start(next_head, next_tile, stage ^ 1);
    const typename Memory::Queries query_tile = Memory::queries(stage, 0);
    const typename Memory::Queries grad_tile = Memory::queries(stage, 1);
    const int32_t from = tile * kQueries;
    const Span blocks = arguments.turns.blocks.load(batch * arguments.turns.tiles + tile);
    held = (batch * heads + head) * arguments.turns.tiles + tile;

    if (kScoreWarps == Tiles::kWarps || warp < kScoreWarps) {
      Sums<M, N> probabilities, gradients;
      multiply_transposed<M, N, Tiles::kUnroll>(probabilities, query_tile, score_part.row, key_tile,
                                                score_part.column);
      if (from < all.first || from + kQueries > all.last) {
        spans.template mask_columns<M, N>(probabilities, from + score_part.row, score_part.column);
      }
      const int own_row = 2 * stage * kQueries + score_part.row + lane_index() / 4;
#pragma unroll
      for (int m = 0; m < M; ++m) {
        const float logsumexp[2] = {totals.load(own_row + 16 * m),
                                    totals.load(own_row + 16 * m + 8)};
#pragma unroll
        for (int n = 0; n < N; ++n) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            probabilities[m][n][i] =
                exp2_approximate(probabilities[m][n][i] * scale - logsumexp[i / 2]);
          }
          probability_tile.store_sums(probabilities[m][n], score_part.row + 16 * m,
                                      score_part.column + 8 * n);
        }
      }
      multiply_transposed<M, N, Tiles::kUnroll>(gradients, grad_tile, score_part.row, value_tile,
                                                score_part.column);
#pragma unroll
      for (int m = 0; m < M; ++m) {
        const float product[2] = {totals.load(own_row + kQueries + 16 * m),
                                  totals.load(own_row + kQueries + 16 * m + 8)};
#pragma unroll
        for (int n = 0; n < N; ++n) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            gradients[m][n][i] = probabilities[m][n][i] * (gradients[m][n][i] - product[i / 2]);
          }
          gradient_tile.store_sums(gradients[m][n], score_part.row + 16 * m,
                                   score_part.column + 8 * n);
        }
      }
    }
    if (block > blocks.first && threadIdx.x == 0) {
      await_turn(arguments.turns.next, held, static_cast<uint32_t>(block));
    }
    sync_threads();  // probabilities and gradients are there, and the sums of the block before

    // What the blocks before have summed up comes while dV and dK are made.
    Sums<QM, QN> grad_query;
    const int64_t sums = held * kQueries * Dims + static_cast<int64_t>(threadIdx.x) * 4;
    if (block > blocks.first) {
#pragma unroll
      for (int i = 0; i < QM * QN; ++i) {
        const auto before = load_shared_sums(arguments.sums, sums + int64_t{i} * kThreads * 4);
#pragma unroll
        for (int j = 0; j < 4; ++j) grad_query[i / QN][i % QN][j] = before.values[j];
      }
    } else {
      clear<QM, QN>(grad_query);
    }
    multiply_tiles<true, KM, KN>(grad_value, probability_tile, key_part.row, grad_tile,
                                 key_part.column);
    multiply_tiles<true, KM, KN>(grad_key, gradient_tile, key_part.row, query_tile,
                                 key_part.column);
    multiply_tiles<false, QM, QN>(grad_query, gradient_tile, query_part.row, key_tile,
                                  query_part.column);
    if (block < blocks.last) {
#pragma unroll
      for (int i = 0; i < QM * QN; ++i) {
        const float(&own_sums)[4] = grad_query[i / QN][i % QN];
        store_shared_sums(arguments.sums, sums + int64_t{i} * kThreads * 4,
                          {{own_sums[0], own_sums[1], own_sums[2], own_sums[3]}});
      }
    } else {
      store_rows<QM, QN>(grad_query, arguments.scale,
                         HeadRows<T>(arguments.grad_query, batch, queries, heads, head, Dims),
                         from + query_part.row, query_part.column);
    }
    if (kStages == 1) {
      sync_threads();
      if (next_head < last_head) start(next_head, next_tile, 0);
    }
    head = next_head;
    tile = next_tile;
    if (kStages == 2) stage ^= 1;
  }
  // Where there are no queries, the keys may still be on their way.
  copy_async_commit();
  copy_async_wait<0>();
  sync_threads();
  if (held >= 0 && threadIdx.x == 0) {
    pass_turn(arguments.turns.next, held, static_cast<uint32_t>(block + 1));
  }

  // Keys and values are no longer in use: their tiles take their gradients.
  float factors[KM][2], ones[KM][2];
#pragma unroll
  for (int m = 0; m < KM; ++m) {
    factors[m][0] = factors[m][1] = arguments.scale;
    ones[m][0] = ones[m][1] = 1.0f;
  }
  write_sums<KM, KN>(grad_key, factors, key_tile, key_part.row,
                     HeadRows<T>(arguments.grad_key, batch, keys, kv_heads, kv_head, Dims),
                     first + key_part.row, key_part.column);
  write_sums<KM, KN>(grad_value, ones, value_tile, key_part.row,
                     HeadRows<T>(arguments.grad_value, batch, keys, kv_heads, kv_head, Dims),
                     first + key_part.row, key_part.column);
}

template <class T, int Dims, bool Small>
void launch_backward(const FlashAttentionBackward& op, CudaContext& context) {
  using Tiles = BackwardTiles<T, Dims, Small>;
  const char* name = op.kName;
  const int64_t batch = op.query.shape[0], queries = op.query.shape[1], heads = op.query.shape[2];
  const int64_t keys = op.key.shape[1], kv_heads = op.key.shape[2];
  const PositiveScale scale(op.options.scale);
  const int64_t key_blocks = blocks_of(keys, Tiles::kKeys);
  const int32_t padded = static_cast<int32_t>(blocks_of(queries, kTotalsPadding)) * kTotalsPadding;
  const int64_t rows = batch * padded * heads, tiles = padded / Tiles::kQueries;
  const Totals totals{context.scratch<float>(rows), context.scratch<float>(rows), padded};
  const Turns turns{context.scratch<uint32_t>(1),
                    context.scratch<uint32_t>(batch * heads * tiles),
                    context.scratch<Span>(batch * tiles),
                    static_cast<int32_t>(tiles),
                    Tiles::kQueries,
                    Tiles::kKeys};
  const RowsOut<T, Dims> grad_query(context, op.grad_query, scale.query_factor);
  const RowsOut<T, Dims> grad_key(context, op.grad_key), grad_value(context, op.grad_value);
  const BackwardArguments<T> arguments{
      rows_in<T, Dims>(name, context, op.grad_output),
      rows_in<T, Dims>(name, context, op.query, scale.query_factor),
      rows_in<T, Dims>(name, context, op.key), rows_in<T, Dims>(name, context, op.value),
      grad_query.rows(), grad_key.rows(), grad_value.rows(), totals.logsumexp.read_only(),
      totals.product.read_only(),
      // One block of keys has nobody to add to.
      context.scratch<float>(key_blocks > 1 ? rows * Dims : 0), turns, visibility_of(op, context),
      static_cast<int32_t>(heads), static_cast<int32_t>(kv_heads), padded,
      static_cast<int32_t>(key_blocks), scale.scale};
  launch(name, flash_attention_totals<T, Dims>,
         {.blocks = std::max(1u, blocks_of(rows * kLanesOfRow<T, Dims>, kTotalsThreads)),
          .threads = kTotalsThreads},
         context.stream, arguments.grad_output, rows_in<T, Dims>(name, context, op.output),
         input<float>(op.logsumexp), totals, turns, arguments.visibility, rows,
         static_cast<int32_t>(heads));
  launch(name, flash_attention_backward<T, Dims, Small>,
         {.blocks = static_cast<uint32_t>(key_blocks * kv_heads * batch),
          .threads = Tiles::kWarps * kWarpSize,
          .shared_bytes = BackwardMemory<T, Dims, Small>::bytes()},
         context.stream, arguments);
  grad_query.finish(name);
  grad_key.finish(name);
  grad_value.finish(name);
}

}  // namespace

void execute_cuda(const FlashAttentionBackward& op, CudaContext& context) {
  if (op.key.elements() == 0) return;
  dispatch_attention(op.query, [&](auto type, auto dims) {
    using T = decltype(type);
    constexpr int kDims = decltype(dims)::value;
    // Sizes in float32 fit everywhere.
    if constexpr (std::is_same_v<T, bfloat16>) {
      if (BackwardMemory<T, kDims, false>::bytes() > context.execution.most_shared_bytes) {
        return launch_backward<T, kDims, true>(op, context);
      }
    }
    launch_backward<T, kDims, false>(op, context);
  });
}

LEIA_CUDA_EXECUTION(FlashAttentionBackward)

}  // namespace leia
