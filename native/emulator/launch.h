// Runs a kernel's grid: blocks in parallel on the host's threads, each with fibers for its threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "cpu/thread_pool.h"
#include "cuda/runtime.h"
#include "emulator/block.h"

namespace leia::emulator {

// The order of threads that a launch draws from: LEIA_EMULATOR_ORDER, 1 unless set.
uint64_t order_seed();

// Shared memory that a block can have, in bytes: LEIA_EMULATOR_SHARED, that of compute
// capability 9.0 unless set.
size_t most_shared_bytes();

// How long a block waits for its turn (cuda/turns.cuh) before it says that it does not come. Tests
// have less patience.
inline std::chrono::milliseconds longest_turn{60'000};

struct Grid {
  const void* function = nullptr;  // the kernel
  Dim3 blocks, threads;
  size_t shared_bytes = 0;
};

// Returns when the grid is done. Throws Error "execution" for the first fault found.
void run_grid(const char* kernel, const Grid& grid, uint64_t order, SharedTraffic* traffic,
              ThreadPool& pool, const std::function<void()>& thread);

// Runs the task on the stream's thread, after what was queued before; during a capture, adds it to
// the graph.
void queue(gpu::Stream stream, std::function<void()> task);

}  // namespace leia::emulator
