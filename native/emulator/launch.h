// Runs a kernel's grid: blocks in parallel on the host's threads, each with fibers for its threads.
#pragma once

#include <cstdint>
#include <functional>

#include "cpu/thread_pool.h"
#include "cuda/runtime.h"
#include "emulator/block.h"

namespace leia::emulator {

// The order of threads that a launch draws from: LEIA_EMULATOR_ORDER, 1 unless set.
uint64_t order_seed();

struct Grid {
  const void* function = nullptr;  // the kernel
  Dim3 blocks, threads;
  size_t shared_bytes = 0;
};

// Returns when the grid is done. Throws Error "execution" for the first fault found.
void run_grid(const char* kernel, const Grid& grid, uint64_t order, SharedTraffic* traffic,
              ThreadPool& pool, const std::function<void()>& thread);

// Does it on the stream's thread, after what was queued before; or adds it to what is captured.
void queue(gpu::Stream stream, std::function<void()> task);

}  // namespace leia::emulator
