// Compiles a kernel file once per instruction set, each time in a namespace of its own:
//
//   #define LEIA_KERNELS "ops/rms_norm/rms_norm_cpu_kernels.h"
//   #include "cpu/each_isa.h"
//   ... LEIA_DISPATCH(rms_norm_forward)(operation, context);
//
// The kernel file has no include guard, and includes nothing but files like itself: whatever else
// it needs is included before, so that nothing of the standard library is compiled with more than
// the baseline's instructions. It opens `namespace leia::LEIA_ISA {`. LEIA_VECTOR_BYTES is the
// vector width; the vector types and functions of cpu/simd.h and cpu/task_sums.h are there in each
// namespace. On x86-64 the macros LEIA_ISA_AVX2 and LEIA_ISA_AVX512 tell which set is being
// compiled.
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/dtype.h"
#include "cpu/cpu_context.h"
#include "cpu/isa.h"

#define LEIA_ISA baseline
#define LEIA_VECTOR_BYTES 16
#include "cpu/simd.h"
#include "cpu/task_sums.h"
#include LEIA_KERNELS
#undef LEIA_ISA
#undef LEIA_VECTOR_BYTES

#if defined(__x86_64__)

#pragma GCC push_options
#pragma GCC target("avx2,fma,bmi2,f16c")
#define LEIA_ISA avx2
#define LEIA_ISA_AVX2
#define LEIA_VECTOR_BYTES 32
#include "cpu/simd.h"
#include "cpu/task_sums.h"
#include LEIA_KERNELS
#undef LEIA_ISA
#undef LEIA_ISA_AVX2
#undef LEIA_VECTOR_BYTES
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma,bmi2,f16c,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#define LEIA_ISA avx512
#define LEIA_ISA_AVX512
#define LEIA_VECTOR_BYTES 64
#include "cpu/simd.h"
#include "cpu/task_sums.h"
#include LEIA_KERNELS
#undef LEIA_ISA
#undef LEIA_ISA_AVX512
#undef LEIA_VECTOR_BYTES
#pragma GCC pop_options

#define LEIA_DISPATCH(kernel)                             \
  (::leia::isa() == ::leia::Isa::avx512 ? &avx512::kernel \
   : ::leia::isa() == ::leia::Isa::avx2 ? &avx2::kernel   \
                                        : &baseline::kernel)
#else
#define LEIA_DISPATCH(kernel) (&baseline::kernel)
#endif

#undef LEIA_KERNELS
