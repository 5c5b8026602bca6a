#include "ops/matmul/matmul.h"

#include "ops/binary/binary_kernels.h"

#include <type_traits>

#define LEIA_KERNELS "ops/matmul/matmul_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

void execute_cpu(const Matmul& operation, CpuContext& context) {
  // Sums of nothing.
  if (operation.k() == 0) {
    if (!operation.accumulate && operation.output.elements() > 0) {
      std::memset(operation.output.data<std::byte>(), 0, operation.output.bytes());
    }
    if (operation.bias) execute_binary_cpu(BinaryOperator::add, bias_addition(operation), context);
    return;
  }
  LEIA_DISPATCH(matmul)(operation, context);
}

LEIA_CPU_EXECUTION(Matmul)

}  // namespace leia
