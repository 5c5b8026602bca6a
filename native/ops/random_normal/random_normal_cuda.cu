// Compiled without contraction to fused multiply-add, as the CPU's: the same bits everywhere.
#include "cuda/context.cuh"
#include "ops/random_normal/random_normal.h"
#include "ops/random_normal/random_normal_value.h"

namespace leia {

namespace {

template <class T>
__global__ void random_normal(Global<T> output, uint64_t seed, uint64_t offset, double mean,
                              double standard_deviation, int64_t count) {
  const int64_t i = first_element(1);
  if (i >= count) return;
  const uint64_t index = offset + static_cast<uint64_t>(i);
  output.store(i, rounded<T>(random_normal_value(seed, index, mean, standard_deviation)));
}

}  // namespace

void execute_cuda(const RandomNormal& op, CudaContext& context) {
  const int64_t count = op.output.elements();
  dispatch_float(op.output.dtype, [&](auto type) {
    using T = decltype(type);
    launch(op.kName, random_normal<T>, over_elements(count, 1), context.stream,
           output<T>(op.output), static_cast<uint64_t>(op.seed), static_cast<uint64_t>(op.offset),
           op.mean, op.standard_deviation, count);
  });
}

LEIA_CUDA_EXECUTION(RandomNormal)

}  // namespace leia
