// Compiled once, for the baseline, and with -ffp-contract=off (CMakeLists.txt): the same bits on
// every CPU matter more here than speed.
#include "cpu/cpu_context.h"
#include "ops/random_normal/random_normal.h"
#include "ops/random_normal/random_normal_value.h"

namespace leia {

void execute_cpu(const RandomNormal& op, CpuContext& context) {
  const auto seed = static_cast<uint64_t>(op.seed), offset = static_cast<uint64_t>(op.offset);
  dispatch_float(op.output.dtype, [&](auto type) {
    using T = decltype(type);
    T* output = op.output.data<T>();
    context.parallel_ranges(op.output.elements(), 4096, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        output[i] = from_float<T>(random_normal_value(seed, offset + static_cast<uint64_t>(i),
                                                      op.mean, op.standard_deviation));
      }
    });
  });
}

LEIA_CPU_EXECUTION(RandomNormal)

}  // namespace leia
