// One block a row, or a few rows in backward, and one pass over memory: a row that fits into the
// block's registers (kHeld groups of 16 bytes a thread) is read once; longer or unaligned ones are
// read again from the caches. The gradient of the weight, a sum over rows, is made of every block's
// own sum; these are added in order by a second kernel.
#include "cuda/context.cuh"
#include "cuda/reduce.cuh"
#include "ops/rms_norm/rms_norm.h"

namespace leia {

namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarpSize;
constexpr size_t kPartialBytes = kWarps * sizeof(float);
// Most blocks of a backward, each with a sum of its own: enough for any GPU, little to add up.
constexpr int64_t kMostBlocks = 512;
constexpr int kColumns = kWarpSize;

// Calls body with the first index of each group of Width elements that this thread has of a row,
// and with where it holds them. Held is 0 where nothing can be held.
template <int Width, int Held, class Body>
LEIA_DEVICE void for_row(int64_t hidden, Body body) {
  const int64_t first = static_cast<int64_t>(threadIdx.x) * Width;
  constexpr int64_t kStride = int64_t{kThreads} * Width;
  if constexpr (Held == 0) {
    for (int64_t i = first; i < hidden; i += kStride) body(i, 0);
  } else {
#pragma unroll
    for (int group = 0; group < Held; ++group) {
      if (const int64_t i = first + group * kStride; i < hidden) body(i, group);
    }
  }
}

template <int Held>
constexpr int kPlaces = Held == 0 ? 1 : Held;

// With `adds`, the norm is of sum = input + residual, which is written too.
template <class T, int Width, int Held>
__global__ void __launch_bounds__(kThreads)
    rms_norm_forward(Global<const T> input, Global<const T> residual, Global<T> sum,
                     Global<const T> weight, Global<T> output, Global<float> inverse_rms,
                     int64_t hidden, float epsilon, bool adds) {
  const Shared<float> partial(0, kWarps);
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
__global__ void __launch_bounds__(kThreads, 1)
    rms_norm_backward(Global<const T> grad_output, Global<const T> input, Global<const T> weight,
                      Global<const float> inverse_rms, Global<const T> grad_sum,
                      Global<T> grad_input, Global<float> sums, int64_t rows, int64_t rows_each,
                      int64_t hidden, bool adds) {
  const Shared<float> partial(0, kWarps);
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

// Adds every block's sums to the gradient. A block has 32 columns, and each of its warps adds up
// every eighth of their sums.
__global__ void rms_norm_add_sums(Global<const float> sums, Global<float> grad_weight,
                                  int64_t count, int64_t hidden) {
  const Shared<float> partial(0, kThreads);
  const int lane = lane_index(), warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int64_t column = int64_t{blockIdx.x} * kColumns + lane;
  float sum = 0.0f;
  if (column < hidden) {
    for (int64_t i = warp; i < count; i += kWarps) sum += sums.load(i * hidden + column);
  }
  partial.store(warp * kColumns + lane, sum);
  sync_threads();
  if (warp != 0 || column >= hidden) return;
  float total = 0.0f;
  for (int other = 0; other < kWarps; ++other) total += partial.load(other * kColumns + lane);
  grad_weight.store(column, grad_weight.load(column) + total);
}

// Calls body with the width of an access and with how many groups of that width a thread holds of a
// row. 16-byte accesses need every row to begin at a multiple of 16 bytes.
template <class T, class Body>
void with_row(int64_t hidden, bool is_aligned, Body&& body) {
  constexpr int kWidth = kPack<T>;
  const auto call = [&](auto width, auto held) { body(width, held); };
  const std::integral_constant<int, kWidth> wide;
  const int64_t groups = (hidden + kThreads * kWidth - 1) / (kThreads * kWidth);
  if (!is_aligned || hidden % kWidth != 0) {
    call(std::integral_constant<int, 1>{}, std::integral_constant<int, 0>{});
  } else if (groups == 1) {
    call(wide, std::integral_constant<int, 1>{});
  } else if (groups == 2) {
    call(wide, std::integral_constant<int, 2>{});
  } else if (groups <= 4) {
    call(wide, std::integral_constant<int, 4>{});
  } else {
    call(wide, std::integral_constant<int, 0>{});
  }
}

// Nothing, where the tensor was not given.
template <class T>
Global<T> optional(const Tensor& tensor) {
  return tensor ? Global<T>(tensor.data<T>(), tensor.elements()) : Global<T>(nullptr, 0);
}

}  // namespace

void execute_cuda(const RmsNormForward& op, CudaContext& context) {
  const int64_t hidden = op.input.shape[-1], rows = op.input.rows();
  if (rows == 0) return;
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    const bool wide = aligned(op.input, op.residual, op.sum, op.weight, op.output);
    with_row<T>(hidden, wide, [&](auto width, auto held) {
      launch(op.kName, rms_norm_forward<T, width, held>,
             {.blocks = static_cast<uint32_t>(rows),
              .threads = kThreads,
              .shared_bytes = kPartialBytes},
             context.stream, input<T>(op.input), optional<const T>(op.residual),
             optional<T>(op.sum), input<T>(op.weight), output<T>(op.output),
             output<float>(op.inverse_rms), hidden, op.epsilon, static_cast<bool>(op.sum));
    });
  });
}

void execute_cuda(const RmsNormBackward& op, CudaContext& context) {
  const int64_t hidden = op.input.shape[-1], rows = op.input.rows();
  if (rows == 0) return;
  const int64_t rows_each = (rows + kMostBlocks - 1) / kMostBlocks;
  const int64_t blocks = (rows + rows_each - 1) / rows_each;
  const Global<float> sums = context.scratch<float>(blocks * hidden);
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    const bool wide = aligned(op.grad_output, op.input, op.weight, op.grad_sum, op.grad_input);
    with_row<T>(hidden, wide, [&](auto width, auto held) {
      launch(op.kName, rms_norm_backward<T, width, held>,
             {.blocks = static_cast<uint32_t>(blocks),
              .threads = kThreads,
              .shared_bytes = kPartialBytes},
             context.stream, input<T>(op.grad_output), input<T>(op.input), input<T>(op.weight),
             input<float>(op.inverse_rms), optional<const T>(op.grad_sum), output<T>(op.grad_input),
             sums, rows, rows_each, hidden, static_cast<bool>(op.grad_sum));
    });
  });
  launch(op.kName, rms_norm_add_sums,
         {.blocks = static_cast<uint32_t>((hidden + kColumns - 1) / kColumns),
          .threads = kThreads,
          .shared_bytes = kThreads * sizeof(float)},
         context.stream, sums.read_only(), output<float>(op.grad_weight), blocks, hidden);
}

LEIA_CUDA_EXECUTION(RmsNormForward)
LEIA_CUDA_EXECUTION(RmsNormBackward)

}  // namespace leia
