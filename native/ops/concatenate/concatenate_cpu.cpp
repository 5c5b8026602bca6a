#include "ops/concatenate/concatenate.h"

#include "cpu/strided_copy.h"

namespace leia {

void execute_cpu(const Concatenate& op, CpuContext& context) {
  visit_copies(op, [&](const StridedCopy& copy) { strided_copy(copy, context); });
}

LEIA_CPU_EXECUTION(Concatenate)

}  // namespace leia
