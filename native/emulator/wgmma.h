// Products by four warps together (PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions").
//
// Products are done as late as a program allows: what a product reads may not change from its issue
// to the wait that ends it, and its sums are poison meanwhile. Each of the four warps makes its own
// 16 rows when it waits, after all four have issued the same.
//
// A GPU's compiler sees which registers such an instruction uses, the emulator does not. So a fence
// names the registers that it hands to the tensor cores, and a wait those that it takes back; the
// same names keep the compiler from moving accesses across.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <vector>

#include "emulator/fault.h"

namespace leia::emulator {

// Registers of the running thread.
struct Registers {
  void* data;
  size_t count;  // of 32 bits
};

// sums[64, columns] (+)= a[64, 16] * b[16, columns].
struct WarpgroupProduct {
  uint32_t columns;
  bool accumulates;
  bool a_in_registers;
  uint64_t a, b;  // descriptors
  bool b_transposed;
};

// Registers that a lane's fence named, and what was in them.
struct HandedRegisters {
  const std::byte* data;
  std::vector<uint32_t> values;
};

// What one warp has under way.
struct WarpProducts {
  static constexpr uint32_t kLanes = 32;
  using LaneRegisters = std::array<uint32_t*, kLanes>;

  struct Sums {
    LaneRegisters registers;
    uint32_t columns;
    size_t under_way = 0;                           // products
    std::array<std::vector<float>, kLanes> values;  // as they will be
  };
  struct Issued {
    WarpgroupProduct product;
    size_t number;  // of those that the warp has issued
    Where where;
    const uint32_t* sums;  // of the first lane
    LaneRegisters left;    // if the left operand is in registers: where, and what was there
    std::array<std::array<uint32_t, 4>, kLanes> left_values;
  };

  std::array<std::vector<HandedRegisters>, kLanes> handed;
  std::vector<Sums> sums;
  std::vector<Issued> open_group;
  std::deque<std::vector<Issued>> groups;
  size_t issued = 0;
};

// What the warps of a warpgroup have issued: all the same.
struct Warpgroup {
  struct Issue {
    WarpgroupProduct product;
    Where where;
    uint32_t warp;  // that came first
  };
  std::vector<Issue> issues;
};

// wgmma.fence, mma_async, commit_group and wait_group, called by every thread of the warpgroup.
void warpgroup_fence(std::initializer_list<Registers> registers, const Where& where);
void warpgroup_multiply(const WarpgroupProduct& product, Registers sums, Registers left,
                        const Where& where);
void warpgroup_commit(const Where& where);
void warpgroup_wait(size_t pending, std::initializer_list<Registers> registers, const Where& where);

// fence.proxy.async: what the running thread wrote to shared memory can be read by tensor cores
// after the next barrier.
void fence_proxy_async();

}  // namespace leia::emulator
