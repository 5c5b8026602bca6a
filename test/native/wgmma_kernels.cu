// Products of a warpgroup, right and with one fault each.
#include <map>

#include "cuda/ptx.cuh"
#include "cuda/wgmma.cuh"
#include "emulator_kernels.h"

namespace leia::emulator_test {

namespace {

constexpr int kRows = 64, kDepth = 128;

enum class Fault {
  none,
  no_fence,
  written_after_fence,
  written_under_way,
  scaled_under_way,
  read_under_way,
  no_commit,
  no_wait,
  no_proxy_fence,
  proxy_fence_behind_barrier,
  no_barrier,
  overwritten,
  copied_over,
  overwritten_beside,
  a_warp_stays_away,
  a_warp_differs,
  lanes_differ,
  left_written,
  left_not_waited_for,
  misaligned,
  out_of_bounds,
  base_offset,
  other_swizzle,
  stray_bit,
};

struct Product {
  Global<const bfloat16> a, b;  // [64, kDepth]; [columns, kDepth], or [kDepth, columns]
  Global<float> sums;           // [64, columns]
  bool in_registers;
  Fault fault;
};

// Where number x of line y of a matrix of so many lines lies, in elements: panels of 64 numbers,
// chunks of eight exchanged. Written out here once more on purpose.
int twisted(int x, int y, int lines) {
  const int panel = x / 64, chunk = x % 64 / 8;
  return panel * lines * 64 + y * 64 +
         ((chunk + y) % 2 + 2 * ((chunk / 2 + y / 2) % 2) + 4 * ((chunk / 4 + y / 4) % 2)) * 8 +
         x % 8;
}

template <int Columns, Major Right>
__global__ void warpgroup_product(Product product) {
  constexpr int N = Columns / 8;
  constexpr bool kMajor = Right == Major::k;
  constexpr int kRightLines = kMajor ? Columns : kDepth, kRightLength = kMajor ? kDepth : Columns;
  const Fault fault = product.fault;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / kWarpSize;
  const int g = lane_index() / 4, t = lane_index() % 4;
  const Shared<bfloat16> left(0, kRows * kDepth);
  const Shared<bfloat16> right(sizeof(bfloat16) * kRows * kDepth, Columns * kDepth);
  for (int i = thread; i < kRows * kDepth; i += kWarpgroup) {
    left.store(twisted(i % kDepth, i / kDepth, kRows), product.a.load(i));
  }
  for (int i = thread; i < Columns * kDepth; i += kWarpgroup) {
    right.store(twisted(i % kRightLength, i / kRightLength, kRightLines), product.b.load(i));
  }
  const bool behind = fault == Fault::proxy_fence_behind_barrier;
  if (fault != Fault::no_proxy_fence && !behind) fence_proxy_async();
  if (fault != Fault::no_barrier) sync_threads();
  if (behind) fence_proxy_async();

  uint32_t rows[kDepth / 16][4];
  for (int k = 0; k < kDepth / 16; ++k) {
    for (int i = 0; i < 4; ++i) {
      const int at = (16 * warp + g + 8 * (i % 2)) * kDepth + 16 * k + 2 * t + 8 * (i / 2);
      rows[k][i] =
          static_cast<uint32_t>(product.a.load(at + 1).bits) << 16 | product.a.load(at).bits;
    }
  }
  float sums[N][4];
  for (auto& four : sums) {
    for (float& sum : four) sum = 1.0f;
  }
  SharedMatrix a = SharedMatrix::panels(left, 0, Major::k, kRows);
  SharedMatrix b = SharedMatrix::panels(right, 0, Right, kRightLines);
  if (fault == Fault::misaligned) b.bits += 128 / 16;
  if (fault == Fault::out_of_bounds) b.bits += 64 * 1024 / 16;
  if (fault == Fault::base_offset) b.bits |= uint64_t{1} << 49;
  if (fault == Fault::other_swizzle) b.bits += uint64_t{1} << 62;
  if (fault == Fault::stray_bit) b.bits |= uint64_t{1} << 15;
  if (fault == Fault::a_warp_differs && warp == 3) b = b.behind(kMajor ? 32 : 2048);
  if (fault == Fault::lanes_differ && lane_index() == 3) b = b.behind(kMajor ? 32 : 2048);

  if (fault != Fault::no_fence) warpgroup_fence(sums, rows);
  if (fault == Fault::written_after_fence) sums[0][0] += 1.0f;
  for (int k = 0; k < kDepth / 16; ++k) {
    if (fault == Fault::a_warp_stays_away && warp == 1 && k == 1) continue;
    const auto panel = static_cast<uint32_t>(k / 4), within = static_cast<uint32_t>(k % 4);
    const SharedMatrix columns =
        b.behind(kMajor ? panel * Columns * 128 + within * 32 : static_cast<uint32_t>(k) * 2048);
    // The sums began with 1: added to, or forgotten.
    const bool accumulates = k > 0 || product.in_registers;
    if (product.in_registers) {
      warpgroup_multiply<Right>(sums, rows[k], columns, accumulates);
    } else {
      warpgroup_multiply<Right>(sums, a.behind(panel * kRows * 128 + within * 32), columns,
                                accumulates);
    }
    if (fault == Fault::written_under_way && k == 3) sums[1][2] = 0.0f;
  }
  if (fault != Fault::no_commit) warpgroup_commit();
  if (fault == Fault::overwritten && thread == 5) right.store(64, bfloat16{});
  if (fault == Fault::copied_over && thread == 5) {
    copy_async_16(right, 64, product.b, 0, false);
    copy_async_commit();
    copy_async_wait<0>();
  }
  if (fault == Fault::left_written) rows[1][2] ^= 1;
  if (fault == Fault::scaled_under_way) sums[1][2] *= 0.5f;
  const float early = sums[0][0];
  if (fault == Fault::left_not_waited_for) {
    warpgroup_wait<0>(sums);
  } else if (fault != Fault::no_wait) {
    warpgroup_wait<0>(sums, rows);
  }
  if (fault == Fault::overwritten_beside && warp == 2) right.store(64 + lane_index(), bfloat16{});
  for (int n = 0; n < N; ++n) {
    for (int i = 0; i < 4; ++i) {
      const int row = 16 * warp + g + 8 * (i / 2), column = 8 * n + 2 * t + i % 2;
      const bool is_early = fault == Fault::read_under_way && n == 0 && i == 0;
      product.sums.store(row * Columns + column, is_early ? early : sums[n][i]);
    }
  }
}

const std::map<std::string, Fault>& faults() {
  static const std::map<std::string, Fault> all = {
      {"", Fault::none},
      {"no fence", Fault::no_fence},
      {"written after fence", Fault::written_after_fence},
      {"written under way", Fault::written_under_way},
      {"scaled under way", Fault::scaled_under_way},
      {"read under way", Fault::read_under_way},
      {"no commit", Fault::no_commit},
      {"no wait", Fault::no_wait},
      {"no proxy fence", Fault::no_proxy_fence},
      {"proxy fence behind barrier", Fault::proxy_fence_behind_barrier},
      {"no barrier", Fault::no_barrier},
      {"overwritten", Fault::overwritten},
      {"copied over", Fault::copied_over},
      {"overwritten beside", Fault::overwritten_beside},
      {"a warp stays away", Fault::a_warp_stays_away},
      {"a warp differs", Fault::a_warp_differs},
      {"lanes differ", Fault::lanes_differ},
      {"left written", Fault::left_written},
      {"left not waited for", Fault::left_not_waited_for},
      {"misaligned", Fault::misaligned},
      {"out of bounds", Fault::out_of_bounds},
      {"base offset", Fault::base_offset},
      {"other swizzle", Fault::other_swizzle},
      {"stray bit", Fault::stray_bit},
  };
  return all;
}

std::vector<bfloat16> rounded(const std::vector<float>& values) {
  std::vector<bfloat16> result;
  for (const float value : values) result.push_back(to_bfloat16(value));
  return result;
}

}  // namespace

std::vector<float> warpgroup_multiply(const std::vector<float>& a, const std::vector<float>& b,
                                      const WarpgroupTest& test) {
  const auto found = faults().find(test.fault);
  if (found == faults().end()) fail("usage", text("there is no fault ", test.fault));
  const std::vector<bfloat16> left = rounded(a), right = rounded(b);
  const int columns = static_cast<int>(right.size()) / kDepth;
  std::vector<float> sums(static_cast<size_t>(kRows * columns));
  const auto kernel =
      columns == 64
          ? (test.k_major ? warpgroup_product<64, Major::k> : warpgroup_product<64, Major::other>)
          : (test.k_major ? warpgroup_product<128, Major::k>
                          : warpgroup_product<128, Major::other>);
  const size_t bytes = sizeof(bfloat16) * static_cast<size_t>((kRows + columns) * kDepth);
  launch("warpgroup_product", kernel, {.threads = test.threads, .shared_bytes = bytes},
         Stream{ThreadPool::shared(), test.order},
         Product{{left.data(), static_cast<int64_t>(left.size())},
                 {right.data(), static_cast<int64_t>(right.size())},
                 {sums.data(), static_cast<int64_t>(sums.size())},
                 test.in_registers,
                 found->second});
  return sums;
}

}  // namespace leia::emulator_test
