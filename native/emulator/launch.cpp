#include "emulator/launch.h"

#include <dlfcn.h>

#include <cstdlib>
#include <fstream>
#include <mutex>
#include <set>
#include <tuple>

#include "core/error.h"

namespace leia::emulator {

namespace {

// Limits of compute capability 9.0 (CUDA C++ Programming Guide, "Technical Specifications").
constexpr uint32_t kMaxThreads = 1024;
constexpr size_t kMaxSharedBytes = 227 * 1024;

// The number that an environment variable holds.
uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* value = std::getenv(variable);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

}  // namespace

uint64_t order_seed() {
  static const uint64_t seed = number_from("LEIA_EMULATOR_ORDER", 1);
  return seed;
}

size_t most_shared_bytes() {
  static const size_t bytes = number_from("LEIA_EMULATOR_SHARED", kMaxSharedBytes);
  return bytes;
}

namespace {

// LEIA_EMULATOR_LAUNCHES=file: every kernel's threads a block and bytes of shared memory are added
// to the file once, with the kernel's place in this library: `npm run resources` makes a table of
// them.
void record(const Grid& grid) {
  static const char* const path = std::getenv("LEIA_EMULATOR_LAUNCHES");
  if (path == nullptr) return;
  static std::mutex mutex;
  static std::set<std::tuple<const void*, uint32_t, size_t>> seen;
  const std::lock_guard lock(mutex);
  const uint32_t threads = grid.threads.count();
  if (!seen.emplace(grid.function, threads, grid.shared_bytes).second) return;
  Dl_info info{};
  if (dladdr(grid.function, &info) == 0) return;
  const auto place =
      static_cast<const char*>(grid.function) - static_cast<const char*>(info.dli_fbase);
  std::ofstream(path, std::ios::app)
      << std::hex << place << std::dec << " " << threads << " " << grid.shared_bytes << "\n";
}

}  // namespace

void run_grid(const char* kernel, const Grid& grid, uint64_t order, SharedTraffic* traffic,
              ThreadPool& pool, const std::function<void()>& thread) {
  const uint32_t threads = grid.threads.count();
  if (threads == 0 || threads > kMaxThreads || grid.shared_bytes > most_shared_bytes() ||
      grid.blocks.count() == 0 || grid.blocks.y > 65535 || grid.blocks.z > 65535) {
    fail("execution", text("emulator: kernel ", kernel, " launched with ", grid.blocks.count(),
                           " blocks of ", threads, " threads and ", grid.shared_bytes,
                           " bytes of shared memory; a GPU takes at most ", kMaxThreads,
                           " threads and ", most_shared_bytes(), " bytes"));
  }
  record(grid);
  const auto call = [](void* body) { (*static_cast<const std::function<void()>*>(body))(); };
  pool.parallel_for(grid.blocks.count(), [&](int64_t i) {
    thread_local Block block;
    const auto linear = static_cast<uint32_t>(i);
    const Dim3 index{linear % grid.blocks.x, linear / grid.blocks.x % grid.blocks.y,
                     linear / grid.blocks.x / grid.blocks.y};
    block.run(kernel, grid.blocks, grid.threads, index, grid.shared_bytes, order, traffic, call,
              const_cast<std::function<void()>*>(&thread));
  });
}

}  // namespace leia::emulator
