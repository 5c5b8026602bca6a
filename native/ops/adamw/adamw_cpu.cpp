#include "ops/adamw/adamw_factors.h"
#include "ops/adamw/adamw_rounding.h"

#define LEIA_KERNELS "ops/adamw/adamw_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

void execute_cpu(const AdamW& operation, CpuContext& context) {
  AdamWFactors factors(operation);
  if (operation.gradient_scale) factors.scale = *operation.gradient_scale.data<float>();
  LEIA_DISPATCH(adamw)(operation, factors, context);
}

LEIA_CPU_EXECUTION(AdamW)

}  // namespace leia
