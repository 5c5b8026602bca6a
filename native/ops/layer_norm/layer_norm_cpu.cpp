#include "ops/layer_norm/layer_norm.h"

#define LEIA_KERNELS "ops/layer_norm/layer_norm_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

void execute_cpu(const LayerNormForward& operation, CpuContext& context) {
  LEIA_DISPATCH(layer_norm_forward)(operation, context);
}

void execute_cpu(const LayerNormBackward& operation, CpuContext& context) {
  LEIA_DISPATCH(layer_norm_backward)(operation, context);
}

LEIA_CPU_EXECUTION(LayerNormForward)
LEIA_CPU_EXECUTION(LayerNormBackward)

}  // namespace leia
