// Hopper's products by a warpgroup, four warps of which the first has a number divisible by four
// (PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions: wgmma"): sums of 64 rows in
// registers, the right operand in shared memory, the left one there or in registers. They run
// beside the threads that issue them:
//
//   warpgroup_fence(sums);                 // what threads did to these registers comes first
//   warpgroup_multiply<...>(sums, a, b);   // as many as there are steps of 16 in k
//   warpgroup_commit();
//   warpgroup_wait<0>(sums);               // from here on the registers may be touched again
//
// All threads of the warpgroup come to each of these. Operands in shared memory may not be written
// before the wait, nor may those in registers; what was written there by ordinary stores or
// cp.async needs fence_proxy_async() by its writer, and then a barrier.
//
// Compute capability 9.0a only: other passes of the compiler make traps of these.
#pragma once

#include "core/dtype.h"
#include "cuda/kernel.cuh"

#if !defined(__CUDACC__)
#include "emulator/wgmma.h"
#elif defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define LEIA_WARPGROUPS
#endif

namespace leia {

constexpr int kWarpgroup = 128;

// Which dimension of an operand is contiguous in shared memory: k or the other one (rows of a,
// columns of b).
enum class Major { k, other };

// A matrix of bfloat16 in shared memory, in lines of 128 bytes, 64 numbers, of which eight make an
// atom. An atom begins at a multiple of 1,024 bytes; chunk c of its line l, 16 bytes, lies where
// chunk c ^ l would be (the "128-byte swizzle": address bits 4 to 6 ^= bits 7 to 9). Bits, in units
// of 16 bytes: 0-13 address, 16-29 leading offset, 32-45 stride; 49-51 base offset, 0 for atoms so
// aligned; 62-63 the swizzle, 1 for this one. What the two offsets are follows from the canonical
// layouts (CUTLASS writes them down in units of 8 numbers: K-major ((8, m), 2) : ((8, stride), 1);
// else ((8, n), (8, k)) : ((1, leading), (8, stride))):
//
// - K-major, lines are rows: a product takes 16 numbers of each of 64 (a) or N (b) lines. Eight
//   rows are an atom and the next eight `stride` behind them: 1,024 bytes where rows follow each
//   other. 16 numbers never leave a line, so nothing leads anywhere; CUTLASS writes 1 there. The
//   next 16 of k lie 32 bytes on, within the line: the address bits that are twisted stay the
//   line's. After four such steps comes the next panel of 64 numbers.
// - Else lines are steps of k: a product takes 16 lines of N numbers. Eight lines are an atom, the
//   next eight `stride` behind them: 1,024 bytes again. 64 numbers are a line; the next 64 columns
//   lie in another panel, `leading` behind the first. The next 16 of k lie 2,048 bytes on.
struct SharedMatrix {
  uint64_t bits;

  // Panels of 64 numbers by `lines` lines, one behind the other, from element i of `memory` on.
  template <class T>
  LEIA_DEVICE static SharedMatrix panels(Shared<T> memory, int64_t i, Major major,
                                         int lines LEIA_WHERE) {
#if defined(__CUDACC__)
    const uint32_t address = memory.address(i);
#else
    const auto address = static_cast<uint32_t>(memory.address(i, 16, where));
#endif
    constexpr uint64_t kStride = 1024 / 16, kTwisted = 1;
    const uint64_t leading = major == Major::k ? 1 : static_cast<uint64_t>(lines) * 128 / 16;
    return {(address & 0x3ffff) >> 4 | leading << 16 | kStride << 32 | kTwisted << 62};
  }

  LEIA_DEVICE SharedMatrix behind(uint32_t bytes) const {
    return {bits + bytes / 16};
  }
};

// Lets the tensor cores see, after the next barrier, what this thread wrote to shared memory by
// ordinary stores or cp.async.
LEIA_DEVICE void fence_proxy_async() {
#if defined(LEIA_WARPGROUPS)
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#elif defined(__CUDACC__)
  __trap();
#else
  emulator::fence_proxy_async();
#endif
}

// Makes the compiler believe that the registers are written here: it moves no access to them
// across, and finishes their computation before.
template <class T, int N>
LEIA_DEVICE void pin([[maybe_unused]] T (&registers)[N][4]) {
#if defined(__CUDACC__)
#pragma unroll
  for (int n = 0; n < N; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if constexpr (std::is_same_v<T, float>) {
        asm volatile("" : "+f"(registers[n][i])::"memory");
      } else {
        asm volatile("" : "+r"(registers[n][i])::"memory");
      }
    }
  }
#endif
}

#if !defined(__CUDACC__)
template <class T>
emulator::Registers registers_of(T& array) {
  return {&array, sizeof(array) / sizeof(uint32_t)};
}
#endif

// Hands registers to the products that follow: sums, and left operands, of which each product may
// take a part. Sums that are under way already need not be handed over again.
template <class First>
LEIA_DEVICE void warpgroup_fence(First& first LEIA_WHERE) {
#if defined(LEIA_WARPGROUPS)
  pin(first);
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#elif defined(__CUDACC__)
  __trap();
#else
  emulator::warpgroup_fence({registers_of(first)}, where);
#endif
}

template <class First, class Second>
LEIA_DEVICE void warpgroup_fence(First& first, Second& second LEIA_WHERE) {
#if defined(LEIA_WARPGROUPS)
  pin(first);
  pin(second);
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#elif defined(__CUDACC__)
  __trap();
#else
  emulator::warpgroup_fence({registers_of(first), registers_of(second)}, where);
#endif
}

// Closes the group of products that were issued since the last one.
LEIA_DEVICE void warpgroup_commit(LEIA_ONLY_WHERE) {
#if defined(LEIA_WARPGROUPS)
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#elif defined(__CUDACC__)
  __trap();
#else
  emulator::warpgroup_commit(where);
#endif
}

// Waits until at most so many groups are under way, and takes back the registers, which must be all
// that those before them used.
template <int Pending, class First>
LEIA_DEVICE void warpgroup_wait(First& first LEIA_WHERE) {
#if defined(LEIA_WARPGROUPS)
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
  pin(first);
#elif defined(__CUDACC__)
  __trap();
#else
  emulator::warpgroup_wait(Pending, {registers_of(first)}, where);
#endif
}

template <int Pending, class First, class Second>
LEIA_DEVICE void warpgroup_wait(First& first, Second& second LEIA_WHERE) {
#if defined(LEIA_WARPGROUPS)
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
  pin(first);
  pin(second);
#elif defined(__CUDACC__)
  __trap();
#else
  emulator::warpgroup_wait(Pending, {registers_of(first), registers_of(second)}, where);
#endif
}

#if defined(LEIA_WARPGROUPS)
// Operands of an instruction: 32 and 64 sums, numbered from 0.
#define LEIA_TEXT_32                         \
  "%0, %1, %2, %3, %4, %5, %6, %7, "         \
  "%8, %9, %10, %11, %12, %13, %14, %15, "   \
  "%16, %17, %18, %19, %20, %21, %22, %23, " \
  "%24, %25, %26, %27, %28, %29, %30, %31"
#define LEIA_TEXT_64                         \
  "%0, %1, %2, %3, %4, %5, %6, %7, "         \
  "%8, %9, %10, %11, %12, %13, %14, %15, "   \
  "%16, %17, %18, %19, %20, %21, %22, %23, " \
  "%24, %25, %26, %27, %28, %29, %30, %31, " \
  "%32, %33, %34, %35, %36, %37, %38, %39, " \
  "%40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, " \
  "%56, %57, %58, %59, %60, %61, %62, %63"
#define LEIA_SUMS_4(d, n) "+f"(d[n][0]), "+f"(d[n][1]), "+f"(d[n][2]), "+f"(d[n][3])
#define LEIA_SUMS_16(d, n) \
  LEIA_SUMS_4(d, n), LEIA_SUMS_4(d, n + 1), LEIA_SUMS_4(d, n + 2), LEIA_SUMS_4(d, n + 3)
#define LEIA_SUMS_32(d, n) LEIA_SUMS_16(d, n), LEIA_SUMS_16(d, n + 4)
#define LEIA_SUMS_64(d, n) LEIA_SUMS_32(d, n), LEIA_SUMS_32(d, n + 8)
// d, a, b, whether to add to d, the factors 1 of a and b, and which of the two are not K-major,
// which is not said of an a in registers.
#define LEIA_WGMMA(columns, sums, left, right, add, majors)                                    \
  "{\n.reg .pred add;\nsetp.ne.b32 add, " add                                                  \
  ", 0;\n"                                                                                     \
  "wgmma.mma_async.sync.aligned.m64n" columns "k16.f32.bf16.bf16 {" sums "}, " left ", " right \
  ", add, 1, 1, " majors ";\n}"
#endif

// sums = a * b, or += where it accumulates: a 64 x 16 and K-major, b 16 x 8N. With g = lane / 4 and
// t = lane % 4, warp w of the four gets of the sums rows 16w + g and, from index 2 on, 16w + g + 8;
// sums[n][i] is column 8n + 2t + i % 2.
template <Major Right, int N>
LEIA_DEVICE void warpgroup_multiply(float (&sums)[N][4], SharedMatrix a, SharedMatrix b,
                                    bool accumulates LEIA_WHERE) {
  static_assert(N == 8 || N == 16);
#if defined(LEIA_WARPGROUPS)
  constexpr int kMajor = Right == Major::k ? 0 : 1;
  if constexpr (N == 8) {
    asm volatile(LEIA_WGMMA("64", LEIA_TEXT_32, "%32", "%33", "%34", "0, %35")
                 : LEIA_SUMS_32(sums, 0)
                 : "l"(a.bits), "l"(b.bits), "r"(static_cast<int>(accumulates)), "n"(kMajor)
                 : "memory");
  } else {
    asm volatile(LEIA_WGMMA("128", LEIA_TEXT_64, "%64", "%65", "%66", "0, %67")
                 : LEIA_SUMS_64(sums, 0)
                 : "l"(a.bits), "l"(b.bits), "r"(static_cast<int>(accumulates)), "n"(kMajor)
                 : "memory");
  }
#elif defined(__CUDACC__)
  __trap();
#else
  emulator::warpgroup_multiply({8 * N, accumulates, false, a.bits, b.bits, Right != Major::k},
                               registers_of(sums), {nullptr, 0}, where);
#endif
}

// The same with a in registers: a[i] holds row 16w + g + 8 * (i % 2), columns 2t + 8 * (i / 2) and
// the next, as multiply_add_m16n8k16() has it.
template <Major Right, int N>
LEIA_DEVICE void warpgroup_multiply(float (&sums)[N][4], uint32_t (&a)[4], SharedMatrix b,
                                    bool accumulates LEIA_WHERE) {
  static_assert(N == 8 || N == 16);
#if defined(LEIA_WARPGROUPS)
  constexpr int kMajor = Right == Major::k ? 0 : 1;
  if constexpr (N == 8) {
    asm volatile(LEIA_WGMMA("64", LEIA_TEXT_32, "{%32, %33, %34, %35}", "%36", "%37", "%38")
                 : LEIA_SUMS_32(sums, 0)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b.bits),
                   "r"(static_cast<int>(accumulates)), "n"(kMajor)
                 : "memory");
  } else {
    asm volatile(LEIA_WGMMA("128", LEIA_TEXT_64, "{%64, %65, %66, %67}", "%68", "%69", "%70")
                 : LEIA_SUMS_64(sums, 0)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b.bits),
                   "r"(static_cast<int>(accumulates)), "n"(kMajor)
                 : "memory");
  }
#elif defined(__CUDACC__)
  __trap();
#else
  emulator::warpgroup_multiply({8 * N, accumulates, true, 0, b.bits, Right != Major::k},
                               registers_of(sums), registers_of(a), where);
#endif
}

#if defined(LEIA_WARPGROUPS)
#undef LEIA_TEXT_32
#undef LEIA_TEXT_64
#undef LEIA_SUMS_4
#undef LEIA_SUMS_16
#undef LEIA_SUMS_32
#undef LEIA_SUMS_64
#undef LEIA_WGMMA
#endif

}  // namespace leia
