// The instructions that CUDA C++ has no words for, one function each: asynchronous copies and
// tensor-core products. On a GPU each is a line of PTX; on the emulator what the PTX manual says it
// does, lane by lane (PTX ISA, "Data Movement and Conversion Instructions: cp.async" and "Warp
// Level Matrix Instructions").
#pragma once

#include "core/dtype.h"
#include "cuda/kernel.cuh"

#if !defined(__CUDACC__)
#include "emulator/matrix.h"
#endif

namespace leia {

// Starts copying 16 bytes from global to shared memory, past the L1 cache; zeros where `valid` is
// false: then nothing is read, wherever `from` is.
template <class T>
LEIA_DEVICE void copy_async_16(Shared<T> target, int64_t to, Global<const T> source, int64_t from,
                               bool valid = true LEIA_WHERE) {
#if defined(__CUDACC__)
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target.address(to)),
               "l"(source.address(from)), "r"(valid ? 16 : 0)
               : "memory");
#else
  const void* address = valid ? source.address(from, 16, where) : nullptr;
  emulator::Block::current().block->copy_async({address, target.address(to, 16, where), 16}, where);
#endif
}

// Closes the group of copies that this thread has started since the last one.
LEIA_DEVICE void copy_async_commit() {
#if defined(__CUDACC__)
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  emulator::Block::current().block->commit_group();
#endif
}

// Waits until at most so many of this thread's groups are under way. Other threads see what landed
// after the next barrier.
template <int Pending>
LEIA_DEVICE void copy_async_wait() {
#if defined(__CUDACC__)
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
#else
  emulator::Block::current().block->wait_group(Pending);
#endif
}

// Keeps the work that computes `number`, which is never negative, before a wait or a barrier that
// follows. ptxas (13.0) moves waits and barriers up as far as straight code goes, before the work
// that was to be done meanwhile; it does not move them past an instruction that must stay in its
// place.
LEIA_DEVICE void finish_before_wait([[maybe_unused]] float number) {
#if defined(__CUDACC__)
  asm volatile(
      "{\n.reg .pred never;\nsetp.lt.f32 never, %0, 0f00000000;\n@never nanosleep.u32 1;\n}" ::"f"(
          number)
      : "memory");
#endif
}

// Loads four 8x8 matrices of bfloat16. Lane l names the 16-byte row l % 8 of matrix l / 8 and gets
// of matrix j the elements [l / 4][2 * (l % 4)] and the next one, in registers[j], low half first.
template <class T>
LEIA_DEVICE void load_matrix_x4(uint32_t (&registers)[4], Shared<T> row, int64_t i LEIA_WHERE) {
#if defined(__CUDACC__)
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(row.address(i))
               : "memory");
#else
  emulator::load_matrix(registers, row.address(i, 16, where), false, where);
#endif
}

// The same of the transposed matrices: elements [2 * (l % 4)][l / 4] and the one below.
template <class T>
LEIA_DEVICE void load_matrix_x4_transposed(uint32_t (&registers)[4], Shared<T> row,
                                           int64_t i LEIA_WHERE) {
#if defined(__CUDACC__)
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(row.address(i))
               : "memory");
#else
  emulator::load_matrix(registers, row.address(i, 16, where), true, where);
#endif
}

// c += a * b for a 16x16 (rows), b 16x8 (columns), c 16x8; a and b bfloat16, two to a register, c
// float32. With g = lane / 4, t = lane % 4: a[i] holds row g + 8 * (i % 2), columns 2t + 8 * (i /
// 2) and the next; b[i] rows 2t + 8i and the next, column g; c[i] row g + 8 * (i / 2), column 2t +
// i % 2.
LEIA_DEVICE void multiply_add_m16n8k16(float (&c)[4], const uint32_t (&a)[4],
                                       const uint32_t (&b)[2] LEIA_WHERE) {
#if defined(__CUDACC__)
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  emulator::multiply_add(c, a, b, where);
#endif
}

// Two floats as bfloat16, rounded to nearest even, in one register: `low` in the low half.
LEIA_DEVICE uint32_t pack_bfloat16(float low, float high) {
#if defined(__CUDACC__)
  uint32_t result;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
  return result;
#else
  return static_cast<uint32_t>(to_bfloat16(high).bits) << 16 | to_bfloat16(low).bits;
#endif
}

// 2^x to about 2 units in the last place; 0 for -infinity.
LEIA_DEVICE float exp2_approximate(float x) {
#if defined(__CUDACC__)
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
#else
  return __builtin_exp2f(x);
#endif
}

// 1 / x to about 1 unit in the last place; 0 for infinity.
LEIA_DEVICE float reciprocal_approximate(float x) {
#if defined(__CUDACC__)
  float result;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
#else
  return 1.0f / x;
#endif
}

}  // namespace leia
