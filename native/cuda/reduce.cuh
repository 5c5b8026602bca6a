// Sums and maxima over a block, in an order that depends on its size alone.
#pragma once

#include "core/error.h"
#include "cuda/kernel.cuh"

namespace leia {

// Joins one value of each thread, two at a time by `combine(a, b)`, and gives the result to all of
// them. `partial` has room for one value a warp; the block's threads are whole warps. As it has two
// barriers, it may be called again at once.
template <class T, class Combine>
LEIA_DEVICE T block_reduce(T value, Shared<T> partial, Combine combine LEIA_WHERE) {
  for (int bits = kWarpSize / 2; bits > 0; bits /= 2) {
    value = combine(value, shuffle_xor(value, bits, kFullWarp LEIA_HERE));
  }
  if (lane_index() == 0) {
    partial.store(static_cast<int>(threadIdx.x) / kWarpSize, value LEIA_HERE);
  }
  sync_threads(LEIA_ONLY_HERE);
  const int warps = static_cast<int>(blockDim.x) / kWarpSize;
  T total = partial.load(0 LEIA_HERE);
  for (int warp = 1; warp < warps; ++warp) total = combine(total, partial.load(warp LEIA_HERE));
  sync_threads(LEIA_ONLY_HERE);
  return total;
}

template <class T>
LEIA_DEVICE T block_sum(T value, Shared<T> partial LEIA_WHERE) {
  return block_reduce(value, partial, [](T a, T b) { return a + b; } LEIA_HERE);
}

template <class T>
LEIA_DEVICE T block_max(T value, Shared<T> partial LEIA_WHERE) {
  return block_reduce(value, partial, [](T a, T b) { return a > b ? a : b; } LEIA_HERE);
}

}  // namespace leia
