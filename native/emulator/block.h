// One block of an emulated launch: its threads as fibers, its barriers, its warps' collective
// instructions, its shared memory and its asynchronous copies. Between two points where threads
// must wait for each other they run one after the other in an order drawn from a seed, so that no
// order is ever relied upon.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "emulator/bank_conflicts.h"
#include "emulator/fiber.h"
#include "emulator/shared_memory.h"
#include "emulator/wgmma.h"

namespace leia::emulator {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
  uint32_t count() const { return x * y * z; }
};

constexpr uint32_t kWarp = 32;

bool same_place(const Where& a, const Where& b);
// "rms_norm_cuda.cu:41"
std::string place(const Where& where);

// Sixteen, eight or four bytes on their way from global to shared memory.
struct AsyncCopy {
  const void* source;  // nullptr: zeros
  size_t shared_offset;
  size_t bytes;
};

class Block {
 public:
  struct Thread {
    enum class State { ready, at_barrier, at_collective, at_warpgroup, finished };

    Fiber fiber;
    Block* block = nullptr;
    uint32_t linear = 0;
    Dim3 index;
    State state = State::finished;
    const char* waits_for = "";
    Where where = Where::current();
    std::vector<AsyncCopy> open_group;
    std::deque<std::vector<AsyncCopy>> groups;
  };

  // The thread that is running; only inside a kernel.
  static Thread& current() { return *current_; }

  // Runs body on every thread of the block. Throws Error "execution" for the first fault.
  // Bank conflicts are counted where `traffic` is given.
  void run(const char* kernel, Dim3 grid, Dim3 block, Dim3 index, size_t shared_bytes,
           uint64_t order, SharedTraffic* traffic, void (*body)(void*), void* argument);

  Dim3 grid() const { return grid_; }
  Dim3 size() const { return size_; }
  Dim3 index() const { return index_; }
  SharedMemory& shared() { return shared_; }
  // The running thread's access to shared memory, for the count of bank conflicts.
  void note_access(size_t offset, size_t bytes, const Where& where) {
    conflicts_.note(current_->linear / kWarp, current_->linear % kWarp, offset, bytes, where);
  }
  Accessor accessor() const;

  // __syncthreads
  void sync_threads(const Where& where);
  // __syncwarp
  void sync_warp(uint32_t mask, const Where& where);
  // An instruction that all lanes of the mask execute together: the last one to arrive calls
  // combine with what every lane brought.
  template <class Operand>
  void collective(const char* name, uint32_t mask, Operand& mine, const Where& where,
                  void (*combine)(const std::array<Operand*, kWarp>& lanes, uint32_t mask)) {
    meet(name, mask, &mine, where, [combine](const std::array<void*, kWarp>& lanes, uint32_t all) {
      std::array<Operand*, kWarp> operands;
      for (size_t lane = 0; lane < kWarp; ++lane)
        operands[lane] = static_cast<Operand*>(lanes[lane]);
      combine(operands, all);
    });
  }

  void copy_async(const AsyncCopy& copy, const Where& where);
  void commit_group();
  // Waits until at most `pending` of the thread's groups are on their way: only then do the others
  // land.
  void wait_group(size_t pending);

  // What the running thread's warp has under way on the tensor cores, and its warpgroup.
  WarpProducts& products() { return warps_[current_->linear / kWarp].products; }
  Warpgroup& warpgroup() { return warpgroups_[current_->linear / kWarp / 4]; }
  // Waits until each warp of the warpgroup has issued that many products.
  void wait_for_issues(size_t count, const Where& where);
  // Wakes who waits for issues: something was issued.
  void wake_warpgroup();

 private:
  struct Warp {
    WarpProducts products;
    uint32_t epoch = 0;
    const char* meeting = nullptr;
    Where where = Where::current();
    uint32_t mask = 0;
    uint32_t arrived = 0;
    std::array<void*, kWarp> operands{};
  };

  static void thread_main(void* thread);
  void meet(const char* name, uint32_t mask, void* operand, const Where& where,
            const std::function<void(const std::array<void*, kWarp>&, uint32_t)>& combine);
  bool run_ready_threads();
  void release_barrier();
  std::string waiting() const;
  [[noreturn]] void report(const Thread& thread, const Where& where, const std::string& what) const;

  static thread_local Thread* current_;

  const char* kernel_ = "";
  Dim3 grid_, size_, index_;
  void (*body_)(void*) = nullptr;
  void* argument_ = nullptr;
  SharedMemory shared_;
  BankConflicts conflicts_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::vector<Warp> warps_;
  std::vector<Warpgroup> warpgroups_;
  std::vector<uint32_t> order_;
  uint64_t random_ = 0;
  uint32_t epoch_ = 0;
  std::exception_ptr fault_;
};

}  // namespace leia::emulator
