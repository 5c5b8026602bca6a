// The highest elements and where they are: the highest key of each chunk of the dimension, then
// that of the chunks. Keys say the index, so that the value is read from the input.
#include "core/order_key.h"
#include "cuda/reduced_dimension.cuh"
#include "ops/argmax/argmax.h"
#include "ops/max/max.h"

namespace leia {

namespace {

struct Highest {
  using Partial = uint64_t;
  LEIA_DEVICE static uint64_t none() { return kNoKey; }
  LEIA_DEVICE static uint64_t joined(uint64_t best, float value, int64_t index) {
    return joined(best, order_key(bits_of(value), index));
  }
  LEIA_DEVICE static uint64_t joined(uint64_t a, uint64_t b) { return a > b ? a : b; }
};

template <class T>
__global__ void highest_of_chunks(Global<const uint64_t> keys, Global<const T> input,
                                  Global<T> output, Global<int32_t> indices, Extents d,
                                  bool with_values) {
  const int64_t at = first_element(1);
  if (at >= d.outer * d.inner) return;
  const int32_t index = index_of(result_of_chunks<Highest>(keys, at, d));
  indices.store(at, index);
  if (with_values) {
    const int64_t element = (at / d.inner * d.size + index) * d.inner + at % d.inner;
    output.store(at, input.load(element));
  }
}

template <class T, int Width>
__global__ void max_backward(Global<const T> grad_output, Global<const int32_t> indices,
                             Global<T> grad_input, Extents d, int64_t count,
                             Global<uint64_t> error_word) {
  const int64_t first = first_element(Width);
  if (first >= count) return;
  Position position(first, d);
  float gradient[Width];
#pragma unroll
  for (int j = 0; j < Width; ++j) {
    const int64_t at = position.output(d);
    const int32_t index = indices.load(at);
    if (position.index == 0 && (index < 0 || index >= d.size)) {
      report_bad_input(error_word, at, index);
    }
    gradient[j] = position.index == index ? as_float(grad_output.load(at)) : 0.0f;
    position.advance(d);
  }
  store_floats(grad_input, first, count, gradient);
}

// `to` may be an empty tensor.
void max_forward(const char* name, const Tensor& from, const Tensor& to, const Tensor& indices,
                 int64_t dimension, CudaContext& context) {
  const ReducedDimension d = reduced_dimension(from.shape, dimension);
  if (d.outputs() == 0) return;
  dispatch_float(from.dtype, [&](auto type) {
    using T = decltype(type);
    const Global<uint64_t> keys = reduce_chunks<Highest, T>(name, from, d, context);
    launch(name, highest_of_chunks<T>, over_elements(d.outputs(), 1), context.stream,
           keys.read_only(), input<T>(from), optional<T>(to), output<int32_t>(indices), Extents(d),
           static_cast<bool>(to));
  });
}

}  // namespace

void execute_cuda(const MaxForward& op, CudaContext& context) {
  max_forward(op.kName, op.input, op.output, op.indices, op.dimension, context);
}

void execute_cuda(const Argmax& op, CudaContext& context) {
  max_forward(op.kName, op.input, Tensor{}, op.indices, op.dimension, context);
}

void execute_cuda(const MaxBackward& op, CudaContext& context) {
  const Tensor& to = op.grad_input;
  if (to.elements() == 0) return;
  const ReducedDimension d = reduced_dimension(to.shape, op.dimension);
  const Global<uint64_t> error_word =
      context.error_word([indices = op.indices, size = d.size](int64_t element, int32_t value) {
        return bad_index(indices, element, value, size);
      });
  dispatch_float(to.dtype, [&](auto type) {
    using T = decltype(type);
    with_width<T>(to.elements() % kPack<T> == 0 && aligned(to), [&](auto width) {
      launch(op.kName, max_backward<T, width>, over_elements(to.elements(), width), context.stream,
             input<T>(op.grad_output), input<int32_t>(op.indices), output<T>(to), Extents(d),
             to.elements(), error_word);
    });
  });
}

LEIA_CUDA_EXECUTION(MaxForward)
LEIA_CUDA_EXECUTION(Argmax)
LEIA_CUDA_EXECUTION(MaxBackward)

}  // namespace leia
