// One block a row, or a few rows in backward, and one pass over memory where the row fits into the
// block's registers. The gradients of weight and bias are sums over rows.
#include "cuda/row_sums.cuh"
#include "ops/layer_norm/layer_norm.h"

namespace leia {

namespace {

template <class T, int Width, int Held>
__global__ void __launch_bounds__(kRowThreads)
    layer_norm_forward(Global<const T> input, Global<const T> weight, Global<const T> bias,
                       Global<T> output, Global<float> mean, Global<float> inverse_deviation,
                       int64_t hidden, float epsilon, bool has_bias) {
  const Shared<float> partial(0, kRowWarps);
  const int64_t row = blockIdx.x, base = row * hidden, end = base + hidden;
  const float size = static_cast<float>(hidden);
  float x[kPlaces<Held>][Width] = {};
  float sum = 0.0f;
  for_row<Width, Held>(hidden, [&](int64_t i, int place) {
    load_floats(x[place], input, base + i, end);
#pragma unroll
    for (int j = 0; j < Width; ++j) sum += x[place][j];
  });
  const float first_mean = block_sum(sum, partial) / size;
  float deviations = 0.0f, squares = 0.0f;
  for_row<Width, Held>(hidden, [&](int64_t i, int place) {
    if (Held == 0) load_floats(x[place], input, base + i, end);
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      x[place][j] -= first_mean;
      deviations += x[place][j];
      squares += x[place][j] * x[place][j];
    }
  });
  const float off = block_sum(deviations, partial) / size;
  const float variance = block_sum(squares, partial) / size - off * off;
  const float scale = 1.0f / sqrtf((variance < 0.0f ? 0.0f : variance) + epsilon);
  if (threadIdx.x == 0) {
    mean.store(row, first_mean + off);
    inverse_deviation.store(row, scale);
  }
  for_row<Width, Held>(hidden, [&](int64_t i, int place) {
    if (Held == 0) {
      load_floats(x[place], input, base + i, end);
#pragma unroll
      for (int j = 0; j < Width; ++j) x[place][j] -= first_mean;
    }
    float w[Width], b[Width] = {};
    load_floats(w, weight, i, hidden);
    if (has_bias) load_floats(b, bias, i, hidden);
#pragma unroll
    for (int j = 0; j < Width; ++j) w[j] = (x[place][j] - off) * scale * w[j] + b[j];
    store_floats(output, base + i, end, w);
  });
}

// Block b has the rows from b * rows_each on; weight_sums[b] and bias_sums[b] take their parts of
// the parameters' gradients.
template <class T, int Width, int Held>
__global__ void __launch_bounds__(kRowThreads, 1)
    layer_norm_backward(Global<const T> grad_output, Global<const T> input, Global<const T> weight,
                        Global<const float> mean, Global<const float> inverse_deviation,
                        Global<T> grad_input, Global<float> weight_sums, Global<float> bias_sums,
                        int64_t rows, int64_t rows_each, int64_t hidden, bool has_bias) {
  const Shared<float> partial(0, kRowWarps);
  const int64_t own_sums = blockIdx.x * hidden, sums_end = own_sums + hidden;
  const int64_t first = blockIdx.x * rows_each;
  const int64_t last = first + rows_each < rows ? first + rows_each : rows;
  const float size = static_cast<float>(hidden);
  // g = grad_output * weight; x = (input - mean) * inverse_deviation.
  float g[kPlaces<Held>][Width] = {}, x[kPlaces<Held>][Width] = {};
  float grad_weight[kPlaces<Held>][Width] = {}, grad_bias[kPlaces<Held>][Width] = {};
  for (int64_t row = first; row < last; ++row) {
    const int64_t base = row * hidden, end = base + hidden;
    const float centre = mean.load(row), scale = inverse_deviation.load(row);
    float gradients = 0.0f, products = 0.0f;
    for_row<Width, Held>(hidden, [&](int64_t i, int place) {
      float w[Width];
      load_floats(g[place], grad_output, base + i, end);
      load_floats(x[place], input, base + i, end);
      load_floats(w, weight, i, hidden);
      if (Held == 0 && row != first) {
        load_floats(grad_weight[place], weight_sums.read_only(), own_sums + i, sums_end);
        if (has_bias) load_floats(grad_bias[place], bias_sums.read_only(), own_sums + i, sums_end);
      } else if (row == first) {
#pragma unroll
        for (int j = 0; j < Width; ++j) grad_weight[place][j] = grad_bias[place][j] = 0.0f;
      }
#pragma unroll
      for (int j = 0; j < Width; ++j) {
        x[place][j] = (x[place][j] - centre) * scale;
        grad_weight[place][j] += g[place][j] * x[place][j];
        grad_bias[place][j] += g[place][j];
        g[place][j] *= w[j];
        gradients += g[place][j];
        products += g[place][j] * x[place][j];
      }
      if (Held == 0) {
        store_floats(weight_sums, own_sums + i, sums_end, grad_weight[place]);
        if (has_bias) store_floats(bias_sums, own_sums + i, sums_end, grad_bias[place]);
      }
    });
    const float mean_gradient = block_sum(gradients, partial) / size;
    const float mean_product = block_sum(products, partial) / size;
    for_row<Width, Held>(hidden, [&](int64_t i, int place) {
      if (Held == 0) {
        float w[Width];
        load_floats(g[place], grad_output, base + i, end);
        load_floats(x[place], input, base + i, end);
        load_floats(w, weight, i, hidden);
#pragma unroll
        for (int j = 0; j < Width; ++j) {
          g[place][j] *= w[j];
          x[place][j] = (x[place][j] - centre) * scale;
        }
      }
      float gradient[Width];
#pragma unroll
      for (int j = 0; j < Width; ++j) {
        gradient[j] = (g[place][j] - mean_gradient - x[place][j] * mean_product) * scale;
      }
      store_floats(grad_input, base + i, end, gradient);
    });
  }
  if constexpr (Held > 0) {
    for_row<Width, Held>(hidden, [&](int64_t i, int place) {
      store_floats(weight_sums, own_sums + i, sums_end, grad_weight[place]);
      if (has_bias) store_floats(bias_sums, own_sums + i, sums_end, grad_bias[place]);
    });
  }
}

}  // namespace

void execute_cuda(const LayerNormForward& op, CudaContext& context) {
  const int64_t hidden = op.input.shape[-1], rows = op.input.rows();
  if (rows == 0) return;
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    const bool wide = aligned(op.input, op.weight, op.bias, op.output);
    with_row<T>(hidden, wide, [&](auto width, auto held) {
      launch(op.kName, layer_norm_forward<T, width, held>, over_rows(rows), context.stream,
             input<T>(op.input), input<T>(op.weight), optional<const T>(op.bias),
             output<T>(op.output), output<float>(op.mean), output<float>(op.inverse_deviation),
             hidden, op.epsilon, static_cast<bool>(op.bias));
    });
  });
}

void execute_cuda(const LayerNormBackward& op, CudaContext& context) {
  const int64_t hidden = op.input.shape[-1], rows = op.input.rows();
  if (rows == 0) return;
  const auto [rows_each, blocks] = shares_of_rows(rows);
  const bool has_bias = static_cast<bool>(op.grad_bias);
  const Global<float> weight_sums = context.scratch<float>(blocks * hidden);
  const Global<float> bias_sums =
      has_bias ? context.scratch<float>(blocks * hidden) : Global<float>(nullptr, 0);
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    const bool wide = aligned(op.grad_output, op.input, op.weight, op.grad_input);
    with_row<T>(hidden, wide, [&](auto width, auto held) {
      launch(op.kName, layer_norm_backward<T, width, held>, over_rows(blocks), context.stream,
             input<T>(op.grad_output), input<T>(op.input), input<T>(op.weight),
             input<float>(op.mean), input<float>(op.inverse_deviation), output<T>(op.grad_input),
             weight_sums, bias_sums, rows, rows_each, hidden, has_bias);
    });
  });
  if (op.grad_weight) launch_add_row_sums(op.kName, context, weight_sums, op.grad_weight, blocks);
  if (has_bias) launch_add_row_sums(op.kName, context, bias_sums, op.grad_bias, blocks);
}

LEIA_CUDA_EXECUTION(LayerNormForward)
LEIA_CUDA_EXECUTION(LayerNormBackward)

}  // namespace leia
