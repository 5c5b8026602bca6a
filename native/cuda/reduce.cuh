// Sums over a block, in an order that depends on its size alone.
#pragma once

#include "cuda/kernel.cuh"

namespace leia {

// The sum of every thread's value, given to all of them. `partial` has room for one number a warp;
// the block's threads are whole warps. Two barriers: it may be called again at once.
LEIA_DEVICE float block_sum(float value, Shared<float> partial LEIA_WHERE) {
  const int warps = static_cast<int>(blockDim.x) / kWarpSize;
  value = warp_sum(value LEIA_HERE);
  if (lane_index() == 0) {
    partial.store(static_cast<int>(threadIdx.x) / kWarpSize, value LEIA_HERE);
  }
  sync_threads(LEIA_ONLY_HERE);
  float total = 0.0f;
  for (int warp = 0; warp < warps; ++warp) total += partial.load(warp LEIA_HERE);
  sync_threads(LEIA_ONLY_HERE);
  return total;
}

}  // namespace leia
