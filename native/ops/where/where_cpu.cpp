// Compiled for the baseline: what is read and written takes as long as choosing it.
#include "core/broadcast.h"
#include "cpu/cpu_context.h"
#include "ops/where/where.h"

namespace leia {

namespace {

template <class T>
void choose(const Where& op, CpuContext& context) {
  const int64_t elements = op.output.elements();
  if (elements == 0) return;
  const auto loops = loops_over(op.output.shape, {op.condition.shape, op.a.shape, op.b.shape});
  int64_t steps[3];
  for (int t = 0; t < 3; ++t) steps[t] = loops.varies(t) ? 1 : 0;
  const T a_number = number_as_value<T>(op.a_number), b_number = number_as_value<T>(op.b_number);
  const int32_t* condition = op.condition.data<int32_t>();
  const T* a = op.a ? op.a.data<T>() : &a_number;
  const T* b = op.b ? op.b.data<T>() : &b_number;
  T* output = op.output.data<T>();
  context.parallel_ranges(elements, 1 << 15, [&](int64_t first, int64_t last) {
    for (int64_t at = first; at < last;) {
      const int64_t left = loops.inner() - at % loops.inner();
      const int64_t length = left < last - at ? left : last - at;
      int64_t from[3] = {};
      loops.add_offsets(at, from);
      for (int64_t i = 0; i < length; ++i) {
        const T x = a[from[1] + i * steps[1]], y = b[from[2] + i * steps[2]];
        output[at + i] = condition[from[0] + i * steps[0]] != 0 ? x : y;
      }
      at += length;
    }
  });
}

}  // namespace

void execute_cpu(const Where& op, CpuContext& context) {
  dispatch_number(op.output.dtype, [&](auto type) { choose<decltype(type)>(op, context); });
}

LEIA_CPU_EXECUTION(Where)

}  // namespace leia
