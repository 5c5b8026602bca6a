// Instruction sets that CPU kernels are compiled for, and the one in use.
#pragma once

namespace leia {

enum class Isa { baseline, avx2, avx512 };

// The best that this CPU has; LEIA_CPU_ISA=baseline|avx2|avx512 asks for a lower one, for tests and
// comparisons. Asking for one that the CPU lacks throws "usage".
Isa isa();
const char* name_of(Isa isa);

// bfloat16 dot products (AVX512-BF16) may be used: isa() is avx512 and the CPU has them.
// LEIA_CPU_BF16=0 turns them off.
bool has_bf16_dot();

}  // namespace leia
