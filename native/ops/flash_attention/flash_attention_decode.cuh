// Few queries on many keys, as when tokens are generated one by one: there are too few blocks of
// queries to occupy a GPU, so the keys are divided among blocks, and within a block among warps
// (Flash-Decoding, Dao, Haziza, Massa & Sizov 2023). All query heads of a key-value head share the
// rows of one tile, so keys and values are read once. A block adds up what its warps made; a second
// kernel adds up the blocks' parts. Both in order.
#pragma once

#include "ops/flash_attention/flash_attention_rows.cuh"
#include "ops/flash_attention/flash_attention_softmax.cuh"
#include "ops/flash_attention/flash_attention_tiles.h"

namespace leia {

namespace {

// What each block makes of its keys, relative to their largest score. With rows as in the output,
// [batch, queries, heads]:
struct Parts {
  Global<float> outputs;     // [rows, parts, dims]
  Global<float> tops, sums;  // [rows, parts]; tops in base 2
  int32_t count;
};

template <class T, int Dims>
struct DecodeMemory {
  using Tiles = DecodeTiles<T, Dims>;
  using Query = Tile<T, Tiles::kRows, Dims>;
  using Key = Tile<T, Tiles::kColumns, Dims>;
  using QuerySpans = Spans<Tiles::kRows>;
  static constexpr size_t kKeys = Query::kBytes, kSpans = kKeys + 2 * Tiles::kStages * Key::kBytes;
  static constexpr size_t bytes() { return kSpans + QuerySpans::kBytes; }

  // Where the tiles were, in the end: what each warp made of its keys, [warps, rows, dims]. The
  // padding spreads a column of rows over the banks.
  static constexpr int kWarpRows = Tiles::kWarps * Tiles::kRows, kStride = Dims + 8;
  static constexpr size_t kTops = kWarpRows * kStride * sizeof(float);
  static constexpr size_t kSums = kTops + kWarpRows * sizeof(float);
  static_assert(kSums + kWarpRows * sizeof(float) <= kSpans);

  LEIA_DEVICE static Key key(int stage) { return Key(kKeys + 2 * stage * Key::kBytes); }
  LEIA_DEVICE static Key value(int stage) { return Key(kKeys + (2 * stage + 1) * Key::kBytes); }
};

// Where no key was visible, any finite number makes the exponentials zero.
LEIA_DEVICE float finite_base(float top) {
  return top == -__builtin_inff() ? 0.0f : top;
}

template <class T, int Dims>
__global__ void __launch_bounds__(DecodeTiles<T, Dims>::kWarps* kWarpSize, 1)
    flash_attention_decode(ForwardArguments<T> arguments, Parts parts, int32_t part_keys) {
  using Tiles = DecodeTiles<T, Dims>;
  using Memory = DecodeMemory<T, Dims>;
  using Query = typename Memory::Query;
  constexpr int kRows = Tiles::kRows, kColumns = Tiles::kColumns;
  constexpr int kThreads = Tiles::kWarps * kWarpSize, D = Dims / 8;
  const Visibility& visibility = arguments.visibility;
  const int64_t batch = blockIdx.z;
  const int32_t queries = visibility.queries, heads = arguments.heads;
  const int32_t kv_heads = arguments.kv_heads, kv_head = static_cast<int32_t>(blockIdx.y);
  const int32_t group = heads / kv_heads, rows = queries * group;
  const int32_t keys = visibility.keys, key_count = visibility.key_count(batch);
  const auto key =
      HeadRows<const T>(arguments.key, batch, keys, kv_heads, kv_head, Dims).until(key_count);
  const auto value =
      HeadRows<const T>(arguments.value, batch, keys, kv_heads, kv_head, Dims).until(key_count);
  // Which of the output's rows a row of the tile is.
  const auto output_row = [&](int32_t row) {
    return (batch * queries + row / group) * heads + kv_head * group + row % group;
  };

  const Query query_tile(0);
  const typename Memory::QuerySpans spans(Memory::kSpans);
  for (int i = static_cast<int>(threadIdx.x); i < kRows * Query::kChunks; i += kThreads) {
    const int row = i / Query::kChunks, chunk = i % Query::kChunks;
    query_tile.start_copy_chunk(row, chunk, arguments.query,
                                output_row(row) * Dims + chunk * Query::kChunk, row < rows);
  }
  for (int row = static_cast<int>(threadIdx.x); row < kRows; row += kThreads) {
    spans.store(row, visibility.keys_of(batch, smaller(row / group, queries - 1)));
  }
  const auto start = [&](int32_t column, int stage) {
    Memory::key(stage).template start_copy<kThreads>(key, column);
    Memory::value(stage).template start_copy<kThreads>(value, column);
    copy_async_commit();
  };
  // The parts are those of the keys that any of the queries sees.
  const int32_t first =
      visibility.keys_of(batch, 0).first + static_cast<int32_t>(blockIdx.x) * part_keys;
  start(first, 0);
  sync_threads();
  const Span all = spans.all();
  const int32_t last = smaller(first + part_keys, spans.any().last);

  const int warp = static_cast<int>(threadIdx.x) / kWarpSize, warp_column = 16 * warp;
  Sums<1, D> outputs;
  clear<1, D>(outputs);
  RunningSoftmax<1> softmax;
  int stage = 0;
  for (int32_t column = first; column < last; column += kColumns) {
    copy_async_wait<0>();
    sync_threads();  // this stage is there, the other no longer in use
    const bool more = column + kColumns < last;
    if (Tiles::kStages == 2 && more) start(column + kColumns, stage ^ 1);
    Sums<1, 2> scores;
    multiply_transposed<1, 2, Dims / 16>(scores, query_tile, 0, Memory::key(stage), warp_column);
    if (arguments.softcap.given()) arguments.softcap.template bound<T, 1, 2>(scores);
    if (column < all.first || column + kColumns > all.last) {
      spans.template mask<1, 2>(scores, 0, column + warp_column);
    }
    softmax.template step<2, D>(scores, outputs, arguments.scale * kLog2E);
    multiply_rows<1, 2, D>(outputs, scores, Memory::value(stage), warp_column);
    if (Tiles::kStages == 2) {
      stage ^= 1;
    } else {
      sync_threads();
      if (more) start(column + kColumns, 0);
    }
  }
  copy_async_wait<0>();
  sync_threads();  // the tiles are no longer in use

  const Shared<float> warp_outputs(0, Memory::kWarpRows * Memory::kStride);
  const Shared<float> warp_tops(Memory::kTops, Memory::kWarpRows);
  const Shared<float> warp_sums(Memory::kSums, Memory::kWarpRows);
  const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float sum = softmax.total(0, half);
    const int at = warp * kRows + 8 * half + g;
    if (t == 0) {
      warp_tops.store(at, softmax.top[0][half] * (arguments.scale * kLog2E));
      warp_sums.store(at, sum);
    }
#pragma unroll
    for (int d = 0; d < D; ++d) {
      warp_outputs.store_vector(
          at * Memory::kStride + 8 * d + 2 * t,
          Pack<float, 2>{{outputs[0][d][2 * half], outputs[0][d][2 * half + 1]}});
    }
  }
  sync_threads();
  for (int i = static_cast<int>(threadIdx.x); i < rows * (Dims / 4); i += kThreads) {
    const int row = i / (Dims / 4), dim = i % (Dims / 4) * 4;
    float top = -__builtin_inff();
#pragma unroll
    for (int w = 0; w < Tiles::kWarps; ++w) top = fmaxf(top, warp_tops.load(w * kRows + row));
    const float base = finite_base(top);
    Pack<float, 4> total{};
    float sum = 0.0f;
#pragma unroll
    for (int w = 0; w < Tiles::kWarps; ++w) {
      const int from = w * kRows + row;
      const float weight = exp2_approximate(warp_tops.load(from) - base);
      const auto own =
          warp_outputs.template load_vector<Pack<float, 4>>(from * Memory::kStride + dim);
      sum += weight * warp_sums.load(from);
#pragma unroll
      for (int j = 0; j < 4; ++j) total.values[j] += weight * own.values[j];
    }
    const int64_t at = output_row(row) * parts.count + static_cast<int32_t>(blockIdx.x);
    parts.outputs.store_vector(at * Dims + dim, total);
    if (dim == 0) {
      parts.tops.store(at, top);
      parts.sums.store(at, sum);
    }
  }
}

// A warp a row of the output.
template <class T, int Dims>
__global__ void flash_attention_add_parts(Parts parts, Global<T> output, Global<float> logsumexp,
                                          int64_t rows, int32_t queries, int32_t heads) {
  const int64_t row = first_element(1) / kWarpSize;
  if (row >= rows) return;
  const int lane = lane_index();
  const int64_t first = row * parts.count;
  float top = -__builtin_inff();
  for (int32_t part = lane; part < parts.count; part += kWarpSize) {
    top = fmaxf(top, parts.tops.load(first + part));
  }
  top = warp_max(top);
  const float base = finite_base(top);
  float sums[Dims / kWarpSize] = {}, total = 0.0f;
  for (int32_t part = 0; part < parts.count; ++part) {
    const float weight = exp2_approximate(parts.tops.load(first + part) - base);
    total += weight * parts.sums.load(first + part);
#pragma unroll
    for (int d = 0; d < Dims / kWarpSize; ++d) {
      sums[d] += weight * parts.outputs.load((first + part) * Dims + d * kWarpSize + lane);
    }
  }
  const float inverse = total == 0.0f ? 0.0f : 1.0f / total;
#pragma unroll
  for (int d = 0; d < Dims / kWarpSize; ++d) {
    output.store(row * Dims + d * kWarpSize + lane, rounded<T>(sums[d] * inverse));
  }
  if (lane == 0) {
    const int64_t batch = row / heads / queries, query = row / heads % queries, head = row % heads;
    logsumexp.store((batch * heads + head) * queries + query,
                    total == 0.0f ? -__builtin_inff() : base / kLog2E + logf(total));
  }
}

// Whether the heads of a group and all queries fit into the rows of one small tile.
inline bool is_decoding(const FlashAttentionForward& op) {
  const int64_t group = op.query.shape[2] / op.key.shape[2];
  return op.query.shape[1] * group <= DecodeTiles<float, 32>::kRows && !op.document_starts;
}

template <class T, int Dims>
void launch_decode(const char* name, CudaContext& context, const ForwardArguments<T>& arguments,
                   int64_t batch) {
  using Tiles = DecodeTiles<T, Dims>;
  const auto& [left, right] = arguments.visibility.window;
  const int64_t queries = arguments.visibility.queries;
  // The division into parts follows from the shape and the window alone, since it decides the bits.
  const int64_t most_seen =
      std::min<int64_t>(arguments.visibility.keys, int64_t{left} + right + queries);
  const int64_t tiles = blocks_of(most_seen, Tiles::kColumns);
  const int64_t part_tiles =
      std::max<int64_t>(Tiles::kPart / Tiles::kColumns, blocks_of(tiles, Tiles::kMostParts));
  const uint32_t blocks = blocks_of(tiles, part_tiles);
  const int64_t rows = batch * queries * arguments.heads;
  const auto count = static_cast<int32_t>(blocks);
  const Parts parts{context.scratch<float>(rows * count * Dims),
                    context.scratch<float>(rows * count), context.scratch<float>(rows * count),
                    count};
  launch(name, flash_attention_decode<T, Dims>,
         {.blocks = blocks,
          .blocks_y = static_cast<uint32_t>(arguments.kv_heads),
          .blocks_z = static_cast<uint32_t>(batch),
          .threads = Tiles::kWarps * kWarpSize,
          .shared_bytes = DecodeMemory<T, Dims>::bytes()},
         context.stream, arguments, parts, static_cast<int32_t>(part_tiles * Tiles::kColumns));
  launch(name, flash_attention_add_parts<T, Dims>, over_elements(rows * kWarpSize, 1),
         context.stream, parts, arguments.output, arguments.logsumexp, rows,
         static_cast<int32_t>(queries), arguments.heads);
}

}  // namespace

}  // namespace leia
