#include "cuda/context.cuh"
#include "ops/dropout/dropout.h"

namespace leia {

namespace {

// Written so that the words stay in registers.
LEIA_DEVICE uint32_t word_at(const PhiloxWords& made, int64_t i) {
  const uint32_t low = i % 2 == 0 ? made.words[0] : made.words[1];
  const uint32_t high = i % 2 == 0 ? made.words[2] : made.words[3];
  return i % 4 < 2 ? low : high;
}

// With Width above 1 the offset is a multiple of 4, so that a thread needs all words that it makes.
template <class T, int Width>
__global__ void dropout(Global<const T> input, Global<T> output, DropoutMask mask, int64_t count) {
  const int64_t i = first_element(Width);
  if (i >= count) return;
  const uint64_t place = mask.offset + static_cast<uint64_t>(i);
  float x[Width];
  load_floats(x, input, i, count);
#pragma unroll
  for (int first = 0; first < Width; first += 4) {
    const PhiloxWords made = mask.words((place + static_cast<uint64_t>(first)) / 4);
#pragma unroll
    for (int j = first; j < first + 4 && j < Width; ++j) {
      const uint32_t bits =
          Width == 1 ? word_at(made, static_cast<int64_t>(place % 4)) : made.words[j % 4];
      x[j] = bits >= mask.least ? x[j] * mask.scale : 0.0f;
    }
  }
  store_floats(output, i, count, x);
}

}  // namespace

void execute_cuda(const Dropout& op, CudaContext& context) {
  const int64_t count = op.input.elements();
  const bool wide = aligned(op.input, op.output) && op.offset % 4 == 0;
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    with_width<T>(wide, [&](auto width) {
      launch(op.kName, dropout<T, width>, over_elements(count, width), context.stream,
             input<T>(op.input), output<T>(op.output), DropoutMask(op), count);
    });
  });
}

LEIA_CUDA_EXECUTION(Dropout)

}  // namespace leia
