#include "cuda/context.cuh"
#include "ops/residual_add/residual_add.h"

namespace leia {

namespace {

template <class T, int Width>
__global__ void residual_add(Global<const T> a, Global<const T> b, Global<T> output,
                             int64_t count) {
  const int64_t i = first_element(Width);
  if (i >= count) return;
  float x[Width], y[Width];
  load_floats(x, a, i, count);
  load_floats(y, b, i, count);
#pragma unroll
  for (int j = 0; j < Width; ++j) x[j] += y[j];
  store_floats(output, i, count, x);
}

}  // namespace

void execute_cuda(const ResidualAdd& op, CudaContext& context) {
  const int64_t count = op.a.elements();
  dispatch_float(op.a.dtype, [&](auto type) {
    using T = decltype(type);
    with_width<T>(aligned(op.a, op.b, op.output), [&](auto width) {
      launch(op.kName, residual_add<T, width>, over_elements(count, width), context.stream,
             input<T>(op.a), input<T>(op.b), output<T>(op.output), count);
    });
  });
}

LEIA_CUDA_EXECUTION(ResidualAdd)

}  // namespace leia
