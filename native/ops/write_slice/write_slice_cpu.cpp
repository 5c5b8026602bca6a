#include "ops/write_slice/write_slice.h"

#include "cpu/strided_copy.h"

namespace leia {

void execute_cpu(const WriteSlice& op, CpuContext& context) {
  strided_copy(copy_of(op), context);
}

LEIA_CPU_EXECUTION(WriteSlice)

}  // namespace leia
