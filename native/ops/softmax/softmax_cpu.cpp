#include "ops/softmax/softmax.h"

#include <cmath>

#include "ops/log_softmax/log_softmax.h"

#define LEIA_KERNELS "ops/softmax/softmax_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

void execute_cpu(const SoftmaxForward& operation, CpuContext& context) {
  LEIA_DISPATCH(softmax_forward)(operation, context);
}

void execute_cpu(const SoftmaxBackward& operation, CpuContext& context) {
  LEIA_DISPATCH(softmax_backward)(operation, context);
}

void execute_cpu(const LogSoftmaxForward& operation, CpuContext& context) {
  LEIA_DISPATCH(log_softmax_forward)(operation, context);
}

void execute_cpu(const LogSoftmaxBackward& operation, CpuContext& context) {
  LEIA_DISPATCH(log_softmax_backward)(operation, context);
}

LEIA_CPU_EXECUTION(SoftmaxForward)
LEIA_CPU_EXECUTION(SoftmaxBackward)
LEIA_CPU_EXECUTION(LogSoftmaxForward)
LEIA_CPU_EXECUTION(LogSoftmaxBackward)

}  // namespace leia
