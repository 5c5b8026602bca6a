// The tensor cores' instructions, lane by lane. The layouts are those of the PTX manual (sections
// "Matrix Fragments for mma.m16n8k16" and "ldmatrix").
#pragma once

#include <cstddef>
#include <cstdint>

#include "emulator/fault.h"

namespace leia::emulator {

// `offset` is where the lane's row of 16 bytes lies in shared memory.
void load_matrix(uint32_t (&registers)[4], size_t offset, bool transposed, const Where& where);

void multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                  const Where& where);

// What a tensor core makes of a sum and products of bfloat16, kProductBlock at a time: not what a
// CPU would.
constexpr uint32_t kProductBlock = 8;
float add_products(float sum, const float (&left)[kProductBlock],
                   const float (&right)[kProductBlock]);

// The low or the high bfloat16 of a register.
float half_of(uint32_t pair, uint32_t half);

}  // namespace leia::emulator
