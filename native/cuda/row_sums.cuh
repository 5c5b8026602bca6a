// Gradients that are sums over rows: every block makes a sum of its own over a few of them, and
// these are added in order by a second kernel. Included by the kernel files that launch it.
#pragma once

#include "cuda/rows.cuh"

namespace leia {

struct RowShares {
  int64_t rows_each, blocks;
};

// How many rows each block takes. So many blocks are enough for any GPU, and their sums little to
// add up.
inline RowShares shares_of_rows(int64_t rows) {
  constexpr int64_t kMostBlocks = 512;
  const int64_t rows_each = (rows + kMostBlocks - 1) / kMostBlocks;
  return {rows_each, (rows + rows_each - 1) / rows_each};
}

constexpr int kSumColumns = kWarpSize;

// Adds every block's sums, `count` rows of `size`, to the gradient. A block has 32 columns, and
// each of its warps adds up every eighth of their sums.
static __global__ void add_row_sums(Global<const float> sums, Global<float> gradient, int64_t count,
                                    int64_t size) {
  const Shared<float> partial(0, kRowThreads);
  const int lane = lane_index(), warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int64_t column = int64_t{blockIdx.x} * kSumColumns + lane;
  float sum = 0.0f;
  if (column < size) {
    for (int64_t i = warp; i < count; i += kRowWarps) sum += sums.load(i * size + column);
  }
  partial.store(warp * kSumColumns + lane, sum);
  sync_threads();
  if (warp != 0 || column >= size) return;
  float total = 0.0f;
  for (int other = 0; other < kRowWarps; ++other) total += partial.load(other * kSumColumns + lane);
  gradient.store(column, gradient.load(column) + total);
}

inline void launch_add_row_sums(const char* name, const CudaContext& context, Global<float> sums,
                                const Tensor& gradient, int64_t count) {
  const int64_t size = gradient.elements();
  launch(name, add_row_sums,
         {.blocks = static_cast<uint32_t>((size + kSumColumns - 1) / kSumColumns),
          .threads = kRowThreads,
          .shared_bytes = kRowThreads * sizeof(float)},
         context.stream, sums.read_only(), output<float>(gradient), count, size);
}

}  // namespace leia
