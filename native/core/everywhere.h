// Marks functions that the host and kernels share, and loops that a kernel must have unrolled.
#pragma once

#if defined(__CUDACC__)
#define LEIA_EVERYWHERE __host__ __device__
#else
#define LEIA_EVERYWHERE
#endif

#if defined(__CUDA_ARCH__)
#define LEIA_UNROLL _Pragma("unroll")
#else
#define LEIA_UNROLL
#endif
