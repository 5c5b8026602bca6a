#include "cuda/context.cuh"
#include "ops/fill/fill.h"

namespace leia {

namespace {

template <class T>
__global__ void fill(Global<T> output, T value, int64_t count) {
  constexpr int kWidth = kPack<T>;
  const int64_t i = first_element(kWidth);
  if (i + kWidth <= count) {
    Pack<T, kWidth> pack;
#pragma unroll
    for (int j = 0; j < kWidth; ++j) pack.values[j] = value;
    output.store_vector(i, pack);
    return;
  }
  for (int64_t j = i; j < count; ++j) output.store(j, value);
}

// For memory that does not begin at a multiple of 16 bytes.
template <class T>
__global__ void fill_narrow(Global<T> output, T value, int64_t count) {
  const int64_t i = first_element(1);
  if (i < count) output.store(i, value);
}

template <class T>
void fill_with(const Fill& op, T value, CudaContext& context) {
  const int64_t count = op.output.elements();
  const bool wide = aligned(op.output);
  launch(op.kName, wide ? fill<T> : fill_narrow<T>, over_elements(count, wide ? kPack<T> : 1),
         context.stream, output<T>(op.output), value, count);
}

}  // namespace

void execute_cuda(const Fill& op, CudaContext& context) {
  dispatch_size(op.output.dtype, [&](auto word) {
    fill_with(op, static_cast<decltype(word)>(bits_of_value(op)), context);
  });
}

LEIA_CUDA_EXECUTION(Fill)

}  // namespace leia
