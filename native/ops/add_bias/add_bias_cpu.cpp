#include "cpu/cpu_context.h"
#include "ops/add_bias/add_bias_as_binary.h"

namespace leia {

void execute_cpu(const AddBias& op, CpuContext& context) {
  execute_binary_cpu(BinaryOperator::add, as_binary(op), context);
}

void execute_cpu(const AddBiasBackward& op, CpuContext& context) {
  execute_gradient_cpu(as_gradient(op), context);
}

LEIA_CPU_EXECUTION(AddBias)
LEIA_CPU_EXECUTION(AddBiasBackward)

}  // namespace leia
