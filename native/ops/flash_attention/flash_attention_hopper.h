// Attention for compute capability 9.0, by products of whole warpgroups (FlashAttention-3, Shah et
// al. 2024).
#pragma once

#include "cuda/context.cuh"
#include "ops/flash_attention/flash_attention_softmax.cuh"

namespace leia {

// Head sizes that there is such a kernel for, in bfloat16.
constexpr bool has_hopper_forward(int dims) {
  return dims == 64 || dims == 128;
}

// As the kernel for 8.0 does it, with other rounding.
template <int Dims>
void launch_hopper_forward(const char* name, CudaContext& context,
                           const ForwardArguments<bfloat16>& arguments, int64_t batch);

}  // namespace leia
