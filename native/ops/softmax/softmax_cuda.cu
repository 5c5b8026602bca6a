// One block a row, and one pass over memory where the row fits into the block's registers. Softmax
// and its logarithm are one kernel: they differ in what is made of the highest and the sum.
#include "cuda/rows.cuh"
#include "ops/log_softmax/log_softmax.h"
#include "ops/softmax/softmax.h"

namespace leia {

namespace {

template <class T, int Width, int Held, bool Log>
__global__ void __launch_bounds__(kRowThreads)
    softmax_forward(Global<const T> input, Global<T> output, int64_t size) {
  const Shared<float> partial(0, kRowWarps);
  const int64_t base = blockIdx.x * size, end = base + size;
  float x[kPlaces<Held>][Width] = {};
  float highest = -__builtin_huge_valf();
  for_row<Width, Held>(size, [&](int64_t i, int place) {
    load_floats(x[place], input, base + i, end);
#pragma unroll
    for (int j = 0; j < Width; ++j) highest = x[place][j] > highest ? x[place][j] : highest;
  });
  highest = block_max(highest, partial);
  float sum = 0.0f;
  for_row<Width, Held>(size, [&](int64_t i, int place) {
    if (Held == 0) load_floats(x[place], input, base + i, end);
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      x[place][j] -= highest;
      const float share = expf(x[place][j]);
      sum += share;
      if (!Log) x[place][j] = share;
    }
  });
  sum = block_sum(sum, partial);
  const float scale = Log ? logf(sum) : 1.0f / sum;
  for_row<Width, Held>(size, [&](int64_t i, int place) {
    if (Held == 0) {
      load_floats(x[place], input, base + i, end);
#pragma unroll
      for (int j = 0; j < Width; ++j) {
        x[place][j] -= highest;
        if (!Log) x[place][j] = expf(x[place][j]);
      }
    }
#pragma unroll
    for (int j = 0; j < Width; ++j) x[place][j] = Log ? x[place][j] - scale : x[place][j] * scale;
    store_floats(output, base + i, end, x[place]);
  });
}

template <class T, int Width, int Held, bool Log>
__global__ void __launch_bounds__(kRowThreads)
    softmax_backward(Global<const T> grad_output, Global<const T> output, Global<T> grad_input,
                     int64_t size) {
  const Shared<float> partial(0, kRowWarps);
  const int64_t base = blockIdx.x * size, end = base + size;
  float dy[kPlaces<Held>][Width] = {}, y[kPlaces<Held>][Width] = {};
  float sum = 0.0f;
  for_row<Width, Held>(size, [&](int64_t i, int place) {
    load_floats(dy[place], grad_output, base + i, end);
    if (!Log || Held > 0) load_floats(y[place], output, base + i, end);
#pragma unroll
    for (int j = 0; j < Width; ++j) sum += Log ? dy[place][j] : dy[place][j] * y[place][j];
  });
  sum = block_sum(sum, partial);
  for_row<Width, Held>(size, [&](int64_t i, int place) {
    if (Held == 0) {
      load_floats(dy[place], grad_output, base + i, end);
      load_floats(y[place], output, base + i, end);
    }
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      y[place][j] =
          Log ? dy[place][j] - expf(y[place][j]) * sum : y[place][j] * (dy[place][j] - sum);
    }
    store_floats(grad_input, base + i, end, y[place]);
  });
}

template <bool Log, class Operation>
void forward(const Operation& op, CudaContext& context) {
  if (op.input.elements() == 0) return;
  const int64_t size = op.input.shape[-1];
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    with_row<T>(size, aligned(op.input, op.output), [&](auto width, auto held) {
      launch(op.kName, softmax_forward<T, width, held, Log>, over_rows(op.input.rows()),
             context.stream, input<T>(op.input), output<T>(op.output), size);
    });
  });
}

template <bool Log, class Operation>
void backward(const Operation& op, CudaContext& context) {
  if (op.output.elements() == 0) return;
  const int64_t size = op.output.shape[-1];
  dispatch_float(op.output.dtype, [&](auto type) {
    using T = decltype(type);
    const bool wide = aligned(op.grad_output, op.output, op.grad_input);
    with_row<T>(size, wide, [&](auto width, auto held) {
      launch(op.kName, softmax_backward<T, width, held, Log>, over_rows(op.output.rows()),
             context.stream, input<T>(op.grad_output), input<T>(op.output),
             output<T>(op.grad_input), size);
    });
  });
}

}  // namespace

void execute_cuda(const SoftmaxForward& op, CudaContext& context) {
  forward<false>(op, context);
}
void execute_cuda(const SoftmaxBackward& op, CudaContext& context) {
  backward<false>(op, context);
}
void execute_cuda(const LogSoftmaxForward& op, CudaContext& context) {
  forward<true>(op, context);
}
void execute_cuda(const LogSoftmaxBackward& op, CudaContext& context) {
  backward<true>(op, context);
}

LEIA_CUDA_EXECUTION(SoftmaxForward)
LEIA_CUDA_EXECUTION(SoftmaxBackward)
LEIA_CUDA_EXECUTION(LogSoftmaxForward)
LEIA_CUDA_EXECUTION(LogSoftmaxBackward)

}  // namespace leia
