// The tensor cores' instructions, lane by lane. The layouts are those of the PTX manual (sections
// "Matrix Fragments for mma.m16n8k16" and "ldmatrix"); sums are float32 one after the other in the
// order of k, which is not how a tensor core rounds.
#pragma once

#include <cstddef>
#include <cstdint>

#include "emulator/fault.h"

namespace leia::emulator {

// `offset` is where the lane's row of 16 bytes lies in shared memory.
void load_matrix(uint32_t (&registers)[4], size_t offset, bool transposed, const Where& where);

void multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                  const Where& where);

}  // namespace leia::emulator
