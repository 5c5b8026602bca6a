// Sums and means. Each chunk of the dimension is added by a block or a thread, then the chunks'
// sums by a second kernel.
#include "cuda/reduced_dimension.cuh"
#include "ops/mean/mean.h"
#include "ops/sum/sum.h"

namespace leia {

namespace {

struct Sum {
  using Partial = float;
  LEIA_DEVICE static float none() { return 0.0f; }
  LEIA_DEVICE static float joined(float sum, float value, int64_t) { return sum + value; }
  LEIA_DEVICE static float joined(float a, float b) { return a + b; }
};

template <class T>
__global__ void sum_of_chunks(Global<const float> sums, Global<T> output, Extents d,
                              double divisor) {
  const int64_t at = first_element(1);
  if (at >= d.outer * d.inner) return;
  const int64_t first = at / d.inner * d.chunks * d.inner + at % d.inner;
  double total = 0.0;
  for (int64_t chunk = 0; chunk < d.chunks; ++chunk) {
    total += static_cast<double>(sums.load(first + chunk * d.inner));
  }
  output.store(at, rounded<T>(static_cast<float>(total / divisor)));
}

template <class T, int Width>
__global__ void sum_backward(Global<const T> grad_output, Global<T> grad_input, Extents d,
                             int64_t count, float factor) {
  const int64_t first = first_element(Width);
  if (first >= count) return;
  Position position(first, d);
  float gradient[Width];
#pragma unroll
  for (int j = 0; j < Width; ++j) {
    gradient[j] = as_float(grad_output.load(position.output(d))) * factor;
    position.advance(d);
  }
  store_floats(grad_input, first, count, gradient);
}

void sum_forward(const char* name, const Tensor& from, const Tensor& to, int64_t dimension,
                 bool mean, CudaContext& context) {
  const ReducedDimension d = reduced_dimension(from.shape, dimension);
  if (d.outputs() == 0) return;
  dispatch_float(from.dtype, [&](auto type) {
    using T = decltype(type);
    const Global<float> sums = reduce_chunks<Sum, T>(name, from, d, context);
    launch(name, sum_of_chunks<T>, over_elements(d.outputs(), 1), context.stream, sums.read_only(),
           output<T>(to), Extents(d), mean ? static_cast<double>(d.size) : 1.0);
  });
}

void sum_gradient(const char* name, const Tensor& from, const Tensor& to, int64_t dimension,
                  bool mean, CudaContext& context) {
  if (to.elements() == 0) return;
  const ReducedDimension d = reduced_dimension(to.shape, dimension);
  const auto factor = static_cast<float>(mean ? 1 / static_cast<double>(d.size) : 1);
  dispatch_float(to.dtype, [&](auto type) {
    using T = decltype(type);
    with_width<T>(to.elements() % kPack<T> == 0 && aligned(to), [&](auto width) {
      launch(name, sum_backward<T, width>, over_elements(to.elements(), width), context.stream,
             input<T>(from), output<T>(to), Extents(d), to.elements(), factor);
    });
  });
}

}  // namespace

void execute_cuda(const SumForward& op, CudaContext& context) {
  sum_forward(op.kName, op.input, op.output, op.dimension, false, context);
}
void execute_cuda(const SumBackward& op, CudaContext& context) {
  sum_gradient(op.kName, op.grad_output, op.grad_input, op.dimension, false, context);
}
void execute_cuda(const MeanForward& op, CudaContext& context) {
  sum_forward(op.kName, op.input, op.output, op.dimension, true, context);
}
void execute_cuda(const MeanBackward& op, CudaContext& context) {
  sum_gradient(op.kName, op.grad_output, op.grad_input, op.dimension, true, context);
}

LEIA_CUDA_EXECUTION(SumForward)
LEIA_CUDA_EXECUTION(SumBackward)
LEIA_CUDA_EXECUTION(MeanForward)
LEIA_CUDA_EXECUTION(MeanBackward)

}  // namespace leia
