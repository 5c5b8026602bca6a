#include "ops/residual_add/residual_add.h"

#define LEIA_KERNELS "ops/residual_add/residual_add_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

void execute_cpu(const ResidualAdd& operation, CpuContext& context) {
  LEIA_DISPATCH(residual_add)(operation, context);
}

LEIA_CPU_EXECUTION(ResidualAdd)

}  // namespace leia
