// Two kernels. One makes D = rowsum(dO * O) of every query. In the other a block owns keys and
// walks over the queries that see them, the next ones on their way while it multiplies, with five
// products a step: the scores and their gradients, which pass through shared memory, and from these
// dV, dK and its part of dQ.
//
// The parts of dQ are added up in global memory in the order of the blocks of keys, so the bits are
// the same every time. A block adds to a tile of queries when the block before it has. Every block
// walks from its last queries to its first, causal or not, so that it can follow the block before
// it at a distance of one step.
#include "ops/flash_attention/flash_attention_order.cuh"
#include "ops/flash_attention/flash_attention_rows.cuh"
#include "ops/flash_attention/flash_attention_tiles.h"
#include "ops/flash_attention/flash_attention_totals.cuh"

namespace leia {

namespace {

template <class T>
struct BackwardArguments {
  Global<const T> grad_output, query, key, value;
  Global<T> grad_query, grad_key, grad_value;
  Global<const float> logsumexp, product;  // the totals
  // dQ so far, in float32: [batch, heads, tiles, sums of a thread / 4, threads, 4].
  Global<float> sums;
  Turns turns;
  TicketOrder order;
  Visibility visibility;
  int32_t heads, kv_heads, group, padded;  // group: heads / kv_heads
  Softcap softcap;
  float scale;  // positive
};

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

  // The first threads of three warps, which have one more duty each. The first warp passes turns
  // on, and so waits until the block's stores have arrived; the second waits for turns; the third
  // fetches the totals.
  constexpr uint32_t kPassing = 0, kAwaiting = kWarpSize, kFetching = 2 * kWarpSize;
  static_assert(Tiles::kWarps > 2 && kQueries / 4 <= kWarpSize);

  const Visibility& visibility = arguments.visibility;
  if (visibility.is_broken()) return;  // turns would not come
  const typename Memory::KeySpans spans(Memory::kSpans);
  const Shared<uint32_t> ticket(Memory::kSpans, 1);
  if (threadIdx.x == 0) ticket.store(0, take_ticket(arguments.turns.tickets));
  sync_threads();
  const TicketOrder::Place place = arguments.order.place_of(ticket.load(0));
  const int32_t block = place.block, first = block * kKeys;
  const int32_t heads = arguments.heads, kv_heads = arguments.kv_heads;
  const int32_t kv_head = place.head % kv_heads;
  const int32_t batch = place.head / kv_heads;
  const int32_t queries = visibility.queries, keys = visibility.keys;
  const int32_t key_count = visibility.key_count(batch);
  sync_threads();  // the ticket's place is free

  const typename Memory::Keys key_tile = Memory::keys(0), value_tile = Memory::keys(1);
  const typename Memory::Scores probability_tile = Memory::scores(0);
  const typename Memory::Scores gradient_tile = Memory::scores(1);
  const Shared<float> totals(Memory::kTotals, Memory::kTotalsCount);
  key_tile.template start_copy<kThreads>(
      HeadRows<const T>(arguments.key, batch, keys, kv_heads, kv_head, Dims).until(key_count),
      first);
  value_tile.template start_copy<kThreads>(
      HeadRows<const T>(arguments.value, batch, keys, kv_heads, kv_head, Dims).until(key_count),
      first);
  for (int i = static_cast<int>(threadIdx.x); i < kKeys; i += kThreads) {
    Span span = visibility.queries_of(batch, smaller(first + i, key_count - 1));
    // No query sees the positions beyond the row's last key: there exp(0 - L) may be infinite, and
    // infinity times the zeros in place of the keys would not be zero in dQ.
    if (first + i >= key_count) span.first = queries;
    spans.store(i, span);
  }
  sync_threads();
  const Span any = spans.any(), all = spans.all();
  const auto start = [&](const BackwardSteps& step, int stage) {
    const int32_t head = step.head, tile = step.tile;
    Memory::queries(stage, 0).template start_copy<kThreads>(
        HeadRows<const T>(arguments.query, batch, queries, heads, head, Dims), tile * kQueries);
    Memory::queries(stage, 1).template start_copy<kThreads>(
        HeadRows<const T>(arguments.grad_output, batch, queries, heads, head, Dims),
        tile * kQueries);
    const int i = static_cast<int>(threadIdx.x - kFetching) * 4;
    if (i >= 0 && i < kQueries) {
      const int64_t from = int64_t{batch * heads + head} * arguments.padded + tile * kQueries + i;
      copy_async_16(totals, 2 * stage * kQueries + i, arguments.logsumexp, from);
      copy_async_16(totals, (2 * stage + 1) * kQueries + i, arguments.product, from);
    }
    copy_async_commit();
  };
  // Where nobody sees the keys there is no step.
  const int32_t first_tile = any.first / kQueries;
  const int32_t last_tile = any.first < any.last ? (any.last - 1) / kQueries : first_tile - 1;
  BackwardSteps step(kv_head, arguments.group, first_tile, last_tile);
  if (!step.done()) start(step, 0);

  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const WarpPart<kScoreRows, kScoreColumns> score_part(warp, kScores);
  const WarpPart<kKeyRows, kKeyColumns> key_part(warp, kKeyGrid);
  const WarpPart<kQueryRows, kQueryColumns> query_part(warp, kQueryGrid);
  const Softcap& softcap = arguments.softcap;
  const bool is_capped = Tiles::kTakesSoftcap && softcap.given();
  const float scale = softcap.scale_behind(arguments.scale) * kLog2E;
  Sums<KM, KN> grad_key, grad_value;
  clear<KM, KN>(grad_key);
  clear<KM, KN>(grad_value);
  int32_t held = -1;  // the turn to pass on
  int stage = 0;
  while (!step.done()) {
    copy_async_wait<0>();
    sync_threads();  // this stage is there, nothing of the step before is in use, its sums are
                     // stored
    if (held >= 0 && threadIdx.x == kPassing) {
      pass_turn(arguments.turns.next, held, static_cast<uint32_t>(block + 1));
    }
    const BackwardSteps next = step.next();
    if (kStages == 2 && !next.done()) start(next, stage ^ 1);
    const typename Memory::Queries query_tile = Memory::queries(stage, 0);
    const typename Memory::Queries grad_tile = Memory::queries(stage, 1);
    const int32_t from = step.tile * kQueries;
    const int32_t of_tile = batch * arguments.turns.tiles + step.tile;
    const bool is_first = block == arguments.turns.blocks.load(of_tile).first;
    held = (batch * heads + step.head) * arguments.turns.tiles + step.tile;

    if (kScoreWarps == Tiles::kWarps || warp < kScoreWarps) {
      Sums<M, N> probabilities, gradients;
      multiply_transposed<M, N, Tiles::kUnroll>(probabilities, query_tile, score_part.row, key_tile,
                                                score_part.column);
      if (is_capped) softcap.template bound<T, M, N>(probabilities);
      if (from < all.first || from + kQueries > all.last) {
        spans.template mask_columns<M, N>(probabilities, from + score_part.row, score_part.column);
      }
      const int own_row = 2 * stage * kQueries + score_part.row + lane_index() / 4;
      // Stores the probabilities. Those that stay are multiplied by the softcap's slope.
      const auto exponentiate = [&](auto capped) {
        constexpr bool kCapped = decltype(capped)::value;
#pragma unroll
        for (int m = 0; m < M; ++m) {
          const float logsumexp[2] = {totals.load(own_row + 16 * m),
                                      totals.load(own_row + 16 * m + 8)};
#pragma unroll
          for (int n = 0; n < N; ++n) {
            float(&own)[4] = probabilities[m][n];
            float slopes[4];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
              if (kCapped) slopes[i] = Softcap::slope(own[i]);
              own[i] = exp2_approximate(own[i] * scale - logsumexp[i / 2]);
            }
            probability_tile.store_sums(own, score_part.row + 16 * m, score_part.column + 8 * n);
#pragma unroll
            for (int i = 0; i < 4 && kCapped; ++i) own[i] *= slopes[i];
          }
        }
      };
      if (is_capped) {
        exponentiate(std::true_type{});
      } else {
        exponentiate(std::false_type{});
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
    if (!is_first && threadIdx.x == kAwaiting) {
      await_turn(arguments.turns.next, held, static_cast<uint32_t>(block),
                 arguments.turns.most_polls);
    }
    sync_threads();  // probabilities and gradients are there, and the sums of the block before

    // What the blocks before have summed up is loaded while dV is made.
    Sums<QM, QN> grad_query;
    const int64_t sums = int64_t{held} * kQueries * Dims + static_cast<int64_t>(threadIdx.x) * 4;
    if (!is_first) {
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
    const auto make_grad_key = [&] {
      multiply_tiles<true, KM, KN>(grad_key, gradient_tile, key_part.row, query_tile,
                                   key_part.column);
    };
    if (!Tiles::kGradKeyLast) make_grad_key();
    multiply_tiles<false, QM, QN>(grad_query, gradient_tile, query_part.row, key_tile,
                                  query_part.column);
    // Loaded again, as nothing more fits the registers.
    if (block < arguments.turns.blocks.load(of_tile).last) {
#pragma unroll
      for (int i = 0; i < QM * QN; ++i) {
        const float(&own_sums)[4] = grad_query[i / QN][i % QN];
        store_shared_sums(arguments.sums, sums + int64_t{i} * kThreads * 4,
                          {{own_sums[0], own_sums[1], own_sums[2], own_sums[3]}});
      }
    } else {
      store_rows<QM, QN>(grad_query, arguments.scale,
                         HeadRows<T>(arguments.grad_query, batch, queries, heads, step.head, Dims),
                         from + query_part.row, query_part.column);
    }
    if (Tiles::kGradKeyLast) make_grad_key();
    if (kStages == 1) {
      sync_threads();
      if (!next.done()) start(next, 0);
    }
    step = next;
    if (kStages == 2) stage ^= 1;
  }
  // Where there are no queries, the keys may still be on their way.
  copy_async_commit();
  copy_async_wait<0>();
  sync_threads();
  if (held >= 0 && threadIdx.x == kPassing) {
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
  const int64_t keys = op.key.shape[1], kv_heads = op.key.shape[2], group = heads / kv_heads;
  const PositiveScale scale(op.options.scale);
  const int64_t key_blocks = blocks_of(keys, Tiles::kKeys);
  const int32_t padded = static_cast<int32_t>(blocks_of(queries, kTotalsPadding)) * kTotalsPadding;
  // What blocks of one key-value head share: dQ's sums, queries and their gradients.
  constexpr int64_t kBytes = Dims * (sizeof(float) + 2 * sizeof(T));
  const int64_t bytes_of_head = std::max(1, padded) * group * kBytes;
  const int64_t rows = batch * padded * heads, tiles = padded / Tiles::kQueries;
  const Totals totals{context.scratch<float>(rows), context.scratch<float>(rows), padded};
  const Turns turns{context.scratch<uint32_t>(1),
                    context.scratch<uint32_t>(batch * heads * tiles),
                    context.scratch<Span>(batch * tiles),
                    static_cast<int32_t>(tiles),
                    Tiles::kQueries,
                    Tiles::kKeys,
                    run_immediately() ? kMinuteOfPolls : 0};
  const RowsOut<T, Dims> grad_query(context, op.grad_query, scale.query_factor);
  const RowsOut<T, Dims> grad_key(context, op.grad_key), grad_value(context, op.grad_value);
  const BackwardArguments<T> arguments{
      rows_in<T, Dims>(name, context, op.grad_output),
      rows_in<T, Dims>(name, context, op.query, scale.query_factor),
      rows_in<T, Dims>(name, context, op.key), rows_in<T, Dims>(name, context, op.value),
      grad_query.rows(), grad_key.rows(), grad_value.rows(), totals.logsumexp.read_only(),
      totals.product.read_only(),
      // A single block of keys shares no sums with another.
      context.scratch<float>(key_blocks > 1 ? rows * Dims : 0), turns,
      ticket_order(batch * kv_heads, key_blocks, bytes_of_head, context.execution.limits),
      visibility_of(op, context), static_cast<int32_t>(heads), static_cast<int32_t>(kv_heads),
      static_cast<int32_t>(group), padded, Softcap(op.options.softcap, scale.scale), scale.scale};
  launch(name, flash_attention_totals<T, Dims>,
         {.blocks = std::max(1u, blocks_of(padded * heads * kLanesOfRow<T, Dims>, kTotalsThreads)),
          .blocks_y = static_cast<uint32_t>(batch),
          .threads = kTotalsThreads},
         context.stream, arguments.grad_output, rows_in<T, Dims>(name, context, op.output),
         input<float>(op.logsumexp), arguments.grad_query, totals, turns, arguments.visibility,
         static_cast<uint32_t>(heads));
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
      const auto bytes = static_cast<int64_t>(BackwardMemory<T, kDims, false>::bytes());
      const bool takes_softcap = BackwardTiles<T, kDims, false>::kTakesSoftcap;
      if (bytes > context.execution.limits.most_shared_bytes ||
          (op.options.softcap != 0.0f && !takes_softcap)) {
        return launch_backward<T, kDims, true>(op, context);
      }
    }
    launch_backward<T, kDims, false>(op, context);
  });
}

LEIA_CUDA_EXECUTION(FlashAttentionBackward)

}  // namespace leia
