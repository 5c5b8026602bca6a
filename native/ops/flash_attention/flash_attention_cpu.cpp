#include "ops/flash_attention/flash_attention.h"

#include "ops/flash_attention/visible_keys.h"

#define LEIA_KERNELS "ops/flash_attention/flash_attention_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

void execute_cpu(const FlashAttentionForward& operation, CpuContext& context) {
  LEIA_DISPATCH(flash_attention_forward)(operation, context);
}

void execute_cpu(const FlashAttentionBackward& operation, CpuContext& context) {
  LEIA_DISPATCH(flash_attention_backward)(operation, context);
}

LEIA_CPU_EXECUTION(FlashAttentionForward)
LEIA_CPU_EXECUTION(FlashAttentionBackward)

}  // namespace leia
