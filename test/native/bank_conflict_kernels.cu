// Accesses of shared memory whose bank conflicts are known, and those of attention's tiles.
#include <map>

#include "emulator_kernels.h"
#include "ops/flash_attention/flash_attention_products.cuh"

namespace leia::emulator_test {

namespace {

constexpr int kThreads = 128;

struct alignas(16) Four {
  float values[4];
};

// Lane i loads Vector from `stride` times i floats on, in memory nobody has written: only the
// addresses matter, so the accesses are stores.
template <class Vector, int Stride>
__global__ void strided() {
  const Shared<float> shared(0, 32 * 64);
  if (threadIdx.x < 32) shared.store_vector(lane_index() * Stride, Vector{});
}

__global__ void same_word() {
  const Shared<float> shared(0, 1);
  if (threadIdx.x == 0) shared.store(0, 1.0f);
  sync_threads();
  if (threadIdx.x >= 32 && threadIdx.x < 64) shared.load(0);
}

// The accesses of two loops belong together by turn: the first of all lanes, then the second.
__global__ void in_turn() {
  const Shared<float> shared(0, 64);
  if (threadIdx.x >= 32) return;
  for (int i = 0; i < 2; ++i) shared.store(lane_index() + 32 * i, 1.0f);
}

using Numbers = Global<bfloat16>;

// Every way in which attention's kernels read and write a tile.
template <int Dims>
__global__ void tile(Numbers numbers) {
  constexpr int kRows = 64;
  const Tile<bfloat16, kRows, Dims> tile(0);
  const HeadRows<const bfloat16> from(numbers.read_only(), 0, kRows, 1, 0, Dims);
  tile.template start_copy<kThreads>(from, 0);
  copy_async_commit();
  copy_async_wait<0>();
  sync_threads();
  uint32_t fragment[4];
  for (int row = 0; row < kRows; row += 16) {
    for (int k = 0; k < Dims / 16; ++k) {
      tile.load_left(fragment, row, k);
      tile.load_right(fragment, row, k);
      tile.load_right_rows(fragment, row, k);
    }
  }
  sync_threads();
  const int own = static_cast<int>(threadIdx.x) / kWarpSize * 16;
  const float factors[1][2] = {{1.0f, 1.0f}};
  Sums<1, Dims / 8> sums;
  clear<1, Dims / 8>(sums);
  write_sums<1, Dims / 8>(sums, factors, tile, own,
                          HeadRows<bfloat16>(numbers, 0, kRows, 1, 0, Dims), own);
}

const std::map<std::string, void (*)()>& plain() {
  static const std::map<std::string, void (*)()> kernels = {
      {"neighbours", strided<float, 1>},
      {"odd stride", strided<float, 33>},
      {"two words apart", strided<float, 2>},
      {"a column", strided<float, 32>},
      {"vectors", strided<Four, 4>},
      {"vectors, a column", strided<Four, 32>},
      {"same word", same_word},
      {"in turn", in_turn},
  };
  return kernels;
}

const std::map<std::string, void (*)(Numbers)>& tiles() {
  static const std::map<std::string, void (*)(Numbers)> kernels = {
      {"tile of 32", tile<32>},   {"tile of 64", tile<64>},   {"tile of 96", tile<96>},
      {"tile of 128", tile<128>}, {"tile of 256", tile<256>},
  };
  return kernels;
}

}  // namespace

std::vector<float> bank_conflicts(const std::string& name) {
  emulator::SharedTraffic traffic;
  const Stream stream{ThreadPool::shared(), 1, nullptr, &traffic};
  const LaunchShape shape{.threads = kThreads, .shared_bytes = 64 * 1024};
  if (const auto found = plain().find(name); found != plain().end()) {
    launch(name.c_str(), found->second, shape, stream);
  } else if (const auto other = tiles().find(name); other != tiles().end()) {
    std::vector<bfloat16> numbers(64 * 256);
    launch(name.c_str(), other->second, shape, stream,
           Numbers(numbers.data(), static_cast<int64_t>(numbers.size())));
  } else {
    fail("usage", text("there is no kernel ", name));
  }
  return {static_cast<float>(traffic.accesses), static_cast<float>(traffic.turns)};
}

}  // namespace leia::emulator_test
