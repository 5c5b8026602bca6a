// How well a warp's accesses spread over the banks of shared memory: 32 banks of four bytes, each
// of which serves one word at a time (CUDA C++ Programming Guide, "Shared Memory"). With sixteen
// bytes a lane, eight lanes go at a time; with eight bytes, sixteen. Lanes run one after the other
// here, so accesses belong together by their place: each lane's n-th access at a line of the source
// since the warp last met.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "emulator/fault.h"

namespace leia::emulator {

// Counts of a launch: accesses, each by as many lanes as go at a time, and the turns that the banks
// took for them. The two are equal if there are no conflicts.
struct SharedTraffic {
  std::atomic<uint64_t> accesses{0}, turns{0};
};

class BankConflicts {
 public:
  // Counts into `traffic` from now on, or nothing if that is nullptr.
  void start(SharedTraffic* traffic, size_t warps);
  void note(uint32_t warp, uint32_t lane, size_t offset, size_t bytes, const Where& where) {
    if (traffic_ != nullptr) add(warp, lane, offset, bytes, where);
  }
  // The lanes of the warp met: what they did before belongs together.
  void settle(uint32_t warp);
  void settle_all();

 private:
  static constexpr uint32_t kLanes = 32;

  struct Access {
    Where where;
    size_t bytes;
    uint32_t lanes;  // a bit for each that took part
    std::array<size_t, kLanes> offsets;
  };

  void add(uint32_t warp, uint32_t lane, size_t offset, size_t bytes, const Where& where);

  SharedTraffic* traffic_ = nullptr;
  std::vector<std::vector<Access>> warps_;
};

}  // namespace leia::emulator
