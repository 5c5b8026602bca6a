#include "ops/permute/permute.h"

#include "cpu/strided_copy.h"

namespace leia {

void execute_cpu(const Permute& op, CpuContext& context) {
  strided_copy(copy_of(op), context);
}

LEIA_CPU_EXECUTION(Permute)

}  // namespace leia
