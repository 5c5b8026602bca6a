// One block a position: its heads share the angles.
#include "cuda/context.cuh"
#include "ops/rope/rope.h"

namespace leia {

namespace {

constexpr uint32_t kThreads = 256;

struct Sizes {
  int64_t rows;  // of cos and sin
  int64_t sequence;
  int32_t heads, half;
};

// direction is 1 for the rotation, -1 for its inverse. Without positions the row number counts.
template <class T, int Width>
__global__ void rope(Global<const T> input, Global<const float> cos, Global<const float> sin,
                     Global<const int32_t> positions, bool has_positions, Global<T> output,
                     Sizes sizes, float direction, Global<uint64_t> error_word) {
  const int64_t row = blockIdx.x;
  const int64_t position = has_positions ? positions.load(row) : row % sizes.sequence;
  if (position < 0 || position >= sizes.rows) {
    if (threadIdx.x == 0) report_bad_input(error_word, row, static_cast<int32_t>(position));
    return;
  }
  const int32_t steps = sizes.half / Width;
  const int64_t base = row * sizes.heads * (2 * sizes.half);
  const int64_t end = base + int64_t{sizes.heads} * (2 * sizes.half);
  for (int32_t at = static_cast<int32_t>(threadIdx.x); at < sizes.heads * steps; at += kThreads) {
    const int32_t i = at % steps * Width;
    const int64_t first = base + int64_t{at / steps} * (2 * sizes.half) + i;
    const int64_t angle = position * sizes.half + i, angles = angle + Width;
    float c[Width], s[Width], x[Width], y[Width], low[Width], high[Width];
    load_floats(c, cos, angle, angles);
    load_floats(s, sin, angle, angles);
    load_floats(x, input, first, end);
    load_floats(y, input, first + sizes.half, end);
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      low[j] = x[j] * c[j] - y[j] * (s[j] * direction);
      high[j] = y[j] * c[j] + x[j] * (s[j] * direction);
    }
    store_floats(output, first, end, low);
    store_floats(output, first + sizes.half, end, high);
  }
}

void rotate(const char* name, const Tensor& from, const Tensor& cos, const Tensor& sin,
            float direction, const Tensor& positions, const Tensor& to, CudaContext& context) {
  const int64_t rows = from.shape[0] * from.shape[1];
  const Sizes sizes{cos.shape[0], from.shape[1], static_cast<int32_t>(from.shape[2]),
                    static_cast<int32_t>(from.shape[3] / 2)};
  if (from.elements() == 0) return;
  const Global<uint64_t> error_word =
      context.error_word([positions, table = sizes.rows](int64_t element, int32_t value) {
        return bad_position(positions, element, value, table);
      });
  const Global<const int32_t> given =
      positions ? input<int32_t>(positions) : Global<const int32_t>(nullptr, 0);
  dispatch_float(from.dtype, [&](auto type) {
    using T = decltype(type);
    const bool wide = sizes.half % kPack<T> == 0 && aligned(from, cos, sin, to);
    with_width<T>(wide, [&](auto width) {
      launch(name, rope<T, width>, {.blocks = static_cast<uint32_t>(rows), .threads = kThreads},
             context.stream, input<T>(from), input<float>(cos), input<float>(sin), given,
             static_cast<bool>(positions), output<T>(to), sizes, direction, error_word);
    });
  });
}

}  // namespace

void execute_cuda(const RopeForward& op, CudaContext& context) {
  rotate(op.kName, op.input, op.cos, op.sin, 1.0f, op.positions, op.output, context);
}

void execute_cuda(const RopeBackward& op, CudaContext& context) {
  rotate(op.kName, op.grad_output, op.cos, op.sin, -1.0f, op.positions, op.grad_input, context);
}

LEIA_CUDA_EXECUTION(RopeForward)
LEIA_CUDA_EXECUTION(RopeBackward)

}  // namespace leia
