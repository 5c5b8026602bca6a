#include "ops/rms_norm/rms_norm.h"

#define LEIA_KERNELS "ops/rms_norm/rms_norm_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

void execute_cpu(const RmsNormForward& operation, CpuContext& context) {
  LEIA_DISPATCH(rms_norm_forward)(operation, context);
}

void execute_cpu(const RmsNormBackward& operation, CpuContext& context) {
  LEIA_DISPATCH(rms_norm_backward)(operation, context);
}

LEIA_CPU_EXECUTION(RmsNormForward)
LEIA_CPU_EXECUTION(RmsNormBackward)

}  // namespace leia
