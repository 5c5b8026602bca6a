#include "ops/swiglu/swiglu.h"

#define LEIA_KERNELS "ops/swiglu/swiglu_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

void execute_cpu(const SwigluForward& operation, CpuContext& context) {
  LEIA_DISPATCH(swiglu_forward)(operation, context);
}

void execute_cpu(const SwigluBackward& operation, CpuContext& context) {
  LEIA_DISPATCH(swiglu_backward)(operation, context);
}

LEIA_CPU_EXECUTION(SwigluForward)
LEIA_CPU_EXECUTION(SwigluBackward)

}  // namespace leia
