#include "ops/dropout/dropout.h"

#define LEIA_KERNELS "ops/dropout/dropout_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

void execute_cpu(const Dropout& operation, CpuContext& context) {
  LEIA_DISPATCH(dropout)(operation, context);
}

LEIA_CPU_EXECUTION(Dropout)

}  // namespace leia
