#include "cuda/context.cuh"
#include "ops/cast/cast.h"

namespace leia {

namespace {

template <class From, class To, int Width>
__global__ void cast(Global<const From> input, Global<To> output, int64_t count) {
  const int64_t i = first_element(Width);
  if (i >= count) return;
  float values[Width];
  load_floats(values, input, i, count);
  store_floats(output, i, count, values);
}

template <class From, class To>
void cast_between(const Cast& op, CudaContext& context) {
  const int64_t count = op.input.elements();
  // Four elements: 16 bytes of float32, 8 of bfloat16.
  constexpr int kWidth = kPack<float>;
  const auto run = [&](auto width) {
    launch(op.kName, cast<From, To, width>, over_elements(count, width), context.stream,
           input<From>(op.input), output<To>(op.output), count);
  };
  if (aligned(op.input, op.output)) {
    run(std::integral_constant<int, kWidth>{});
  } else {
    run(std::integral_constant<int, 1>{});
  }
}

}  // namespace

void execute_cuda(const Cast& op, CudaContext& context) {
  if (op.input.dtype == op.output.dtype) {
    // The runtime's copy is as fast as the memory, and takes tensors that begin anywhere.
    if (op.input.bytes() == 0) return;
    gpu::copy(op.output.data<std::byte>(), op.input.data<std::byte>(), op.input.bytes(),
              context.execution.stream);
  } else if (op.input.dtype == DType::float32) {
    cast_between<float, bfloat16>(op, context);
  } else {
    cast_between<bfloat16, float>(op, context);
  }
}

LEIA_CUDA_EXECUTION(Cast)

}  // namespace leia
