#include <algorithm>

#include "cpu/cpu_context.h"
#include "ops/fill/fill.h"

namespace leia {

namespace {
template <class T>
void fill(const Tensor& output, T value, CpuContext& context) {
  T* data = output.data<T>();
  context.parallel_ranges(output.elements(), int64_t{1} << 18, [&](int64_t first, int64_t last) {
    std::fill(data + first, data + last, value);
  });
}
}  // namespace

void execute_cpu(const Fill& op, CpuContext& context) {
  dispatch_size(op.output.dtype, [&](auto word) {
    fill(op.output, static_cast<decltype(word)>(bits_of_value(op)), context);
  });
}

LEIA_CPU_EXECUTION(Fill)

}  // namespace leia
