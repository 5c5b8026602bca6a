#include "ops/activation/activation.h"

#define LEIA_KERNELS "ops/activation/activation_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

template <ActivationFunction Function>
void execute_cpu(const Activation<Function>& op, CpuContext& context) {
  LEIA_DISPATCH(activation)(Function, op, context);
}

template <ActivationFunction Function>
void execute_cpu(const ActivationBackward<Function>& op, CpuContext& context) {
  LEIA_DISPATCH(activation_backward)(Function, op, context);
}

LEIA_CPU_EXECUTION(Gelu)
LEIA_CPU_EXECUTION(Silu)
LEIA_CPU_EXECUTION(Relu)
LEIA_CPU_EXECUTION(Tanh)
LEIA_CPU_EXECUTION(Sigmoid)
LEIA_CPU_EXECUTION(GeluBackward)
LEIA_CPU_EXECUTION(SiluBackward)
LEIA_CPU_EXECUTION(ReluBackward)
LEIA_CPU_EXECUTION(TanhBackward)
LEIA_CPU_EXECUTION(SigmoidBackward)

}  // namespace leia
