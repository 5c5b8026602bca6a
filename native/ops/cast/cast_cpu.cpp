#include "ops/cast/cast.h"

#define LEIA_KERNELS "ops/cast/cast_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

namespace {

void copy(const Cast& op, CpuContext& context) {
  const auto bytes = static_cast<int64_t>(op.input.bytes());
  const auto* input = op.input.data<std::byte>();
  auto* output = op.output.data<std::byte>();
  context.parallel_ranges(bytes, int64_t{1} << 18, [&](int64_t first, int64_t last) {
    std::memcpy(output + first, input + first, static_cast<size_t>(last - first));
  });
}

}  // namespace

void execute_cpu(const Cast& op, CpuContext& context) {
  if (op.input.dtype == op.output.dtype) return copy(op, context);
  LEIA_DISPATCH(cast)(op, context);
}

LEIA_CPU_EXECUTION(Cast)

}  // namespace leia
