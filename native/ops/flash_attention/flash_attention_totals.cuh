// What attention's backward needs to know of every query before it starts: D = rowsum(dO * O), the
// log-sum-exp in base 2, and which block of keys adds first to the dQ of a tile of queries.
#pragma once

#include "cuda/turns.cuh"
#include "ops/flash_attention/flash_attention_softmax.cuh"

namespace leia {

namespace {

// Every tile's size divides it.
constexpr int32_t kTotalsPadding = 128;

// [batch, heads, padded queries]: the log-sum-exp and D. The log-sum-exp of padding is infinite, so
// that its probabilities come out as zero.
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
  uint32_t most_polls;           // of a turn before its wait is given up; 0: no bound
};

constexpr uint32_t kTotalsThreads = 256;

// Lanes that share a row: as many as it has packs of 16 bytes, rounded up to a power of two.
template <class T, int Dims>
constexpr int kLanesOfRow = Dims > 16 * kPack<T>  ? 32
                            : Dims > 8 * kPack<T> ? 16
                            : Dims > 4 * kPack<T> ? 8
                                                  : 4;

// Also gives every tile's turn to the first block that adds to it, and zero to the dQ of a batch
// entry without keys, to which none adds. blockIdx.y is the batch entry; its rows are counted in 32
// bits, of which divisions are cheap.
template <class T, int Dims>
__global__ void flash_attention_totals(Global<const T> grad_output, Global<const T> output,
                                       Global<const float> logsumexp, Global<T> grad_query,
                                       Totals totals, Turns turns, Visibility visibility,
                                       uint32_t heads) {
  constexpr int kLanes = kLanesOfRow<T, Dims>, kWidth = kPack<T>;
  const int64_t batch = blockIdx.y;
  const int lane = lane_index() % kLanes;
  // Rows in the order of memory: [padded queries, heads].
  const uint32_t row = blockIdx.x * (kTotalsThreads / kLanes) + threadIdx.x / kLanes;
  const auto query = static_cast<int32_t>(row / heads), queries = visibility.queries;
  const auto head = static_cast<int32_t>(row % heads);
  if (batch == 0 && row == 0 && lane == 0) turns.tickets.store(0, 0);
  const bool real = query < queries;
  float sum = 0.0f;
  if (real) {
    const int64_t first = (batch * queries * heads + row) * Dims;
    for (int dim = lane * kWidth; dim < Dims; dim += kLanes * kWidth) {
      float gradients[kWidth], outputs[kWidth];
      load_floats(gradients, grad_output, first + dim, first + Dims);
      load_floats(outputs, output, first + dim, first + Dims);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) sum += gradients[i] * outputs[i];
      if (visibility.key_count(batch) == 0) {
        grad_query.store_vector(first + dim, Pack<T, kWidth>{});
      }
    }
  }
#pragma unroll
  for (int bits = kLanes / 2; bits > 0; bits /= 2) sum += shuffle_xor(sum, bits);
  if (lane != 0 || query >= totals.padded) return;
  const float saved =
      real ? logsumexp.load((batch * heads + head) * queries + query) : -__builtin_inff();
  const int64_t at = (batch * heads + head) * totals.padded + query;
  totals.product.store(at, sum);
  totals.logsumexp.store(at, saved == -__builtin_inff() ? -saved : saved * kLog2E);
  if (real && query % turns.queries == 0) {
    const Span blocks = visibility.key_blocks_of(batch, query, turns.queries, turns.keys);
    const int32_t tile = query / turns.queries;
    if (head == 0) turns.blocks.store(batch * turns.tiles + tile, blocks);
    turns.next.store((batch * heads + head) * turns.tiles + tile,
                     static_cast<uint32_t>(blocks.first));
  }
}

}  // namespace

}  // namespace leia
