// One block a row, or a few rows in backward, and one pass over memory where the row fits into the
// block's registers. The gradient of the weight is a sum over rows.
#include "cuda/row_sums.cuh"
#include "ops/rms_norm/rms_norm.h"

namespace leia {

namespace {

// With `adds`, the norm is of sum = input + residual, which is written too.
template <class T, int Width, int Held>
__global__ void __launch_bounds__(kRowThreads)
    rms_norm_forward(Global<const T> input, Global<const T> residual, Global<T> sum,
                     Global<const T> weight, Global<T> output, Global<float> inverse_rms,
                     int64_t hidden, float epsilon, bool adds) {
  const Shared<float> partial(0, kRowWarps);
  const int64_t row = blockIdx.x, base = row * hidden, end = base + hidden;
  float x[kPlaces<Held>][Width] = {};
  float squares = 0.0f;
  for_row<Width, Held>(hidden, [&](int64_t i, int place) {
    load_floats(x[place], input, base + i, end);
    if (adds) {
      float r[Width];
      load_floats(r, residual, base + i, end);
#pragma unroll
      for (int j = 0; j < Width; ++j) x[place][j] = as_float(rounded<T>(x[place][j] + r[j]));
      store_floats(sum, base + i, end, x[place]);
    }
#pragma unroll
    for (int j = 0; j < Width; ++j) squares += x[place][j] * x[place][j];
  });
  const float mean = block_sum(squares, partial) / static_cast<float>(hidden);
  const float scale = 1.0f / sqrtf(mean + epsilon);
  if (threadIdx.x == 0) inverse_rms.store(row, scale);
  for_row<Width, Held>(hidden, [&](int64_t i, int place) {
    if (Held == 0) load_floats(x[place], adds ? sum.read_only() : input, base + i, end);
    float w[Width];
    load_floats(w, weight, i, hidden);
#pragma unroll
    for (int j = 0; j < Width; ++j) w[j] = x[place][j] * scale * w[j];
    store_floats(output, base + i, end, w);
  });
}

// Block b has the rows from b * rows_each on, and sums[b] takes their part of the weight's
// gradient.
template <class T, int Width, int Held>
__global__ void __launch_bounds__(kRowThreads, 1)
    rms_norm_backward(Global<const T> grad_output, Global<const T> input, Global<const T> weight,
                      Global<const float> inverse_rms, Global<const T> grad_sum,
                      Global<T> grad_input, Global<float> sums, int64_t rows, int64_t rows_each,
                      int64_t hidden, bool adds) {
  const Shared<float> partial(0, kRowWarps);
  const int64_t own_sums = blockIdx.x * hidden;
  const int64_t first = blockIdx.x * rows_each;
  const int64_t last = first + rows_each < rows ? first + rows_each : rows;
  // g = grad_output * weight; x = input * inverse_rms; their row's part of the weight's gradient.
  float g[kPlaces<Held>][Width] = {}, x[kPlaces<Held>][Width] = {},
        grad_weight[kPlaces<Held>][Width] = {};
  for (int64_t row = first; row < last; ++row) {
    const int64_t base = row * hidden, end = base + hidden;
    const float scale = inverse_rms.load(row);
    float products = 0.0f;
    for_row<Width, Held>(hidden, [&](int64_t i, int place) {
      float w[Width];
      load_floats(g[place], grad_output, base + i, end);
      load_floats(x[place], input, base + i, end);
      load_floats(w, weight, i, hidden);
      if (row == first) {
#pragma unroll
        for (int j = 0; j < Width; ++j) grad_weight[place][j] = 0.0f;
      } else if (Held == 0) {
        load_floats(grad_weight[place], sums.read_only(), own_sums + i, own_sums + hidden);
      }
#pragma unroll
      for (int j = 0; j < Width; ++j) {
        x[place][j] *= scale;
        grad_weight[place][j] += g[place][j] * x[place][j];
        g[place][j] *= w[j];
        products += g[place][j] * x[place][j];
      }
      if (Held == 0) store_floats(sums, own_sums + i, own_sums + hidden, grad_weight[place]);
    });
    const float mean = block_sum(products, partial) / static_cast<float>(hidden);
    for_row<Width, Held>(hidden, [&](int64_t i, int place) {
      if (Held == 0) {
        float w[Width];
        load_floats(g[place], grad_output, base + i, end);
        load_floats(x[place], input, base + i, end);
        load_floats(w, weight, i, hidden);
#pragma unroll
        for (int j = 0; j < Width; ++j) {
          g[place][j] *= w[j];
          x[place][j] *= scale;
        }
      }
      float gradient[Width];
#pragma unroll
      for (int j = 0; j < Width; ++j) gradient[j] = (g[place][j] - x[place][j] * mean) * scale;
      if (adds) {
        float more[Width];
        load_floats(more, grad_sum, base + i, end);
#pragma unroll
        for (int j = 0; j < Width; ++j) gradient[j] += more[j];
      }
      store_floats(grad_input, base + i, end, gradient);
    });
  }
  if constexpr (Held > 0) {
    for_row<Width, Held>(hidden, [&](int64_t i, int place) {
      store_floats(sums, own_sums + i, own_sums + hidden, grad_weight[place]);
    });
  }
}

}  // namespace

void execute_cuda(const RmsNormForward& op, CudaContext& context) {
  const int64_t hidden = op.input.shape[-1], rows = op.input.rows();
  if (rows == 0) return;
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    const bool wide = aligned(op.input, op.residual, op.sum, op.weight, op.output);
    with_row<T>(hidden, wide, [&](auto width, auto held) {
      launch(op.kName, rms_norm_forward<T, width, held>, over_rows(rows), context.stream,
             input<T>(op.input), optional<const T>(op.residual), optional<T>(op.sum),
             input<T>(op.weight), output<T>(op.output), output<float>(op.inverse_rms), hidden,
             op.epsilon, static_cast<bool>(op.sum));
    });
  });
}

void execute_cuda(const RmsNormBackward& op, CudaContext& context) {
  const int64_t hidden = op.input.shape[-1], rows = op.input.rows();
  if (rows == 0) return;
  const auto [rows_each, blocks] = shares_of_rows(rows);
  const Global<float> sums = context.scratch<float>(blocks * hidden);
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    const bool wide = aligned(op.grad_output, op.input, op.weight, op.grad_sum, op.grad_input);
    with_row<T>(hidden, wide, [&](auto width, auto held) {
      launch(op.kName, rms_norm_backward<T, width, held>, over_rows(blocks), context.stream,
             input<T>(op.grad_output), input<T>(op.input), input<T>(op.weight),
             input<float>(op.inverse_rms), optional<const T>(op.grad_sum), output<T>(op.grad_input),
             sums, rows, rows_each, hidden, static_cast<bool>(op.grad_sum));
    });
  });
  if (op.grad_weight) launch_add_row_sums(op.kName, context, sums, op.grad_weight, blocks);
}

LEIA_CUDA_EXECUTION(RmsNormForward)
LEIA_CUDA_EXECUTION(RmsNormBackward)

}  // namespace leia
