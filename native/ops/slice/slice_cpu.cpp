#include "ops/slice/slice.h"

#include "cpu/strided_copy.h"

namespace leia {

void execute_cpu(const Slice& op, CpuContext& context) {
  strided_copy(copy_from_slice(op.input, op.output, op.dimension, op.start), context);
}

LEIA_CPU_EXECUTION(Slice)

}  // namespace leia
