// Compiled for the baseline: what is read and written takes as long as comparing it.
#include "core/broadcast.h"
#include "cpu/cpu_context.h"
#include "ops/compare/compare.h"

namespace leia {

namespace {

float value_of(float value) {
  return value;
}
float value_of(bfloat16 value) {
  return to_float(value);
}
double value_of(int32_t value) {
  return value;
}

template <Comparison Kind, class T>
void compare(const CompareArguments& op, CpuContext& context) {
  const int64_t elements = op.output.elements();
  if (elements == 0) return;
  const auto loops = loops_over(op.output.shape, {op.a.shape, op.b.shape});
  const auto number = number_as<T>(op.number);
  const T* a = op.a ? op.a.data<T>() : nullptr;
  const T* b = op.b ? op.b.data<T>() : nullptr;
  const int64_t a_step = loops.varies(0) ? 1 : 0, b_step = loops.varies(1) ? 1 : 0;
  int32_t* output = op.output.data<int32_t>();
  context.parallel_ranges(elements, 1 << 15, [&](int64_t first, int64_t last) {
    for (int64_t at = first; at < last;) {
      const int64_t left = loops.inner() - at % loops.inner();
      const int64_t length = left < last - at ? left : last - at;
      int64_t offsets[2] = {};
      loops.add_offsets(at, offsets);
      for (int64_t i = 0; i < length; ++i) {
        const auto x = a != nullptr ? value_of(a[offsets[0] + i * a_step]) : number;
        const auto y = b != nullptr ? value_of(b[offsets[1] + i * b_step]) : number;
        output[at + i] = holds<Kind>(x, y) ? 1 : 0;
      }
      at += length;
    }
  });
}

}  // namespace

template <Comparison Kind>
void execute_cpu(const Compare<Kind>& op, CpuContext& context) {
  const DType dtype = (op.a ? op.a : op.b).dtype;
  dispatch_number(dtype, [&](auto type) { compare<Kind, decltype(type)>(op, context); });
}

LEIA_CPU_EXECUTION(Equal)
LEIA_CPU_EXECUTION(NotEqual)
LEIA_CPU_EXECUTION(Less)
LEIA_CPU_EXECUTION(LessEqual)
LEIA_CPU_EXECUTION(Greater)
LEIA_CPU_EXECUTION(GreaterEqual)

}  // namespace leia
