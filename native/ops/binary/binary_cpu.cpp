#include <utility>

#include "core/broadcast.h"
#include "ops/binary/binary_kernels.h"

#define LEIA_KERNELS "ops/binary/binary_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

void execute_binary_cpu(BinaryOperator kind, const BinaryArguments& op, CpuContext& context) {
  LEIA_DISPATCH(binary)(kind, op, context);
}

void execute_gradient_cpu(const BinaryGradient& gradient, CpuContext& context) {
  LEIA_DISPATCH(binary_gradient)(gradient, context);
}

template <BinaryOperator Operator>
void execute_cpu(const Binary<Operator>& op, CpuContext& context) {
  execute_binary_cpu(Operator, op, context);
}

template <BinaryOperator Operator>
void execute_cpu(const BinaryBackward<Operator>& op, CpuContext& context) {
  for_gradients(op.kName, Operator, op,
                [&](const BinaryGradient& gradient) { execute_gradient_cpu(gradient, context); });
}

LEIA_CPU_EXECUTION(Add)
LEIA_CPU_EXECUTION(Subtract)
LEIA_CPU_EXECUTION(Multiply)
LEIA_CPU_EXECUTION(Divide)
LEIA_CPU_EXECUTION(AddBackward)
LEIA_CPU_EXECUTION(SubtractBackward)
LEIA_CPU_EXECUTION(MultiplyBackward)
LEIA_CPU_EXECUTION(DivideBackward)

}  // namespace leia
