#include "ops/max/max.h"

#include <bit>

#include "core/order_key.h"
#include "ops/argmax/argmax.h"

#define LEIA_KERNELS "ops/max/max_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

void execute_cpu(const MaxForward& op, CpuContext& context) {
  LEIA_DISPATCH(max_forward)(op.input, op.output, op.indices, op.dimension, context);
}

void execute_cpu(const Argmax& op, CpuContext& context) {
  LEIA_DISPATCH(max_forward)(op.input, Tensor{}, op.indices, op.dimension, context);
}

void execute_cpu(const MaxBackward& op, CpuContext& context) {
  LEIA_DISPATCH(max_backward)(op, context);
}

LEIA_CPU_EXECUTION(MaxForward)
LEIA_CPU_EXECUTION(Argmax)
LEIA_CPU_EXECUTION(MaxBackward)

}  // namespace leia
