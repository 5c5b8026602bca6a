// One block a row for what belongs to a row; the gradient of the weight, a sum over rows, is made
// of the sums of fixed chunks of rows, added in order by a second kernel.
#include "cuda/context.cuh"
#include "cuda/reduce.cuh"
#include "ops/rms_norm/rms_norm.h"

namespace leia {

namespace {

constexpr uint32_t kThreads = 256;
constexpr int kWarps = kThreads / kWarpSize;
constexpr size_t kPartialBytes = kWarps * sizeof(float);
// Rows whose contributions to the weight's gradient one block adds up.
constexpr int64_t kChunk = 32;

// Calls body with the first index of each group of Width elements that this thread has of a row.
template <int Width, class Body>
LEIA_DEVICE void for_row(int64_t hidden, Body body) {
  for (int64_t i = threadIdx.x * Width; i < hidden; i += int64_t{kThreads} * Width) body(i);
}

template <class T, int Width>
__global__ void rms_norm_forward(Global<const T> input, Global<const T> weight, Global<T> output,
                                 Global<float> inverse_rms, int64_t hidden, float epsilon) {
  const Shared<float> partial(0, kWarps);
  const int64_t row = blockIdx.x, base = row * hidden, end = base + hidden;
  float squares = 0.0f;
  for_row<Width>(hidden, [&](int64_t i) {
    float x[Width];
    load_floats(x, input, base + i, end);
#pragma unroll
    for (int j = 0; j < Width; ++j) squares += x[j] * x[j];
  });
  const float mean = block_sum(squares, partial) / static_cast<float>(hidden);
  const float scale = 1.0f / sqrtf(mean + epsilon);
  if (threadIdx.x == 0) inverse_rms.store(row, scale);
  for_row<Width>(hidden, [&](int64_t i) {
    float x[Width], w[Width];
    load_floats(x, input, base + i, end);
    load_floats(w, weight, i, hidden);
#pragma unroll
    for (int j = 0; j < Width; ++j) x[j] = x[j] * scale * w[j];
    store_floats(output, base + i, end, x);
  });
}

template <class T, int Width>
__global__ void rms_norm_grad_input(Global<const T> grad_output, Global<const T> input,
                                    Global<const T> weight, Global<const float> inverse_rms,
                                    Global<T> grad_input, int64_t hidden) {
  const Shared<float> partial(0, kWarps);
  const int64_t row = blockIdx.x, base = row * hidden, end = base + hidden;
  const float scale = inverse_rms.load(row);
  float products = 0.0f;
  const auto load = [&](int64_t i, float(&g)[Width], float(&x)[Width]) {
    float w[Width];
    load_floats(g, grad_output, base + i, end);
    load_floats(x, input, base + i, end);
    load_floats(w, weight, i, hidden);
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      g[j] *= w[j];
      x[j] *= scale;
    }
  };
  for_row<Width>(hidden, [&](int64_t i) {
    float g[Width], x[Width];
    load(i, g, x);
#pragma unroll
    for (int j = 0; j < Width; ++j) products += g[j] * x[j];
  });
  const float mean = block_sum(products, partial) / static_cast<float>(hidden);
  for_row<Width>(hidden, [&](int64_t i) {
    float g[Width], x[Width];
    load(i, g, x);
#pragma unroll
    for (int j = 0; j < Width; ++j) g[j] = (g[j] - x[j] * mean) * scale;
    store_floats(grad_input, base + i, end, g);
  });
}

// Block (x, y): the sums of grad_output * input * inverse_rms over chunk y of the rows, for the
// columns of tile x: one thread a column.
template <class T>
__global__ void rms_norm_chunk_sums(Global<const T> grad_output, Global<const T> input,
                                    Global<const float> inverse_rms, Global<float> sums,
                                    int64_t rows, int64_t hidden) {
  const int64_t column = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (column >= hidden) return;
  const int64_t first = int64_t{blockIdx.y} * kChunk;
  const int64_t last = first + kChunk < rows ? first + kChunk : rows;
  float sum = 0.0f;
  for (int64_t row = first; row < last; ++row) {
    const int64_t i = row * hidden + column;
    sum += as_float(grad_output.load(i)) * (as_float(input.load(i)) * inverse_rms.load(row));
  }
  sums.store(int64_t{blockIdx.y} * hidden + column, sum);
}

__global__ void rms_norm_add_chunks(Global<const float> sums, Global<float> grad_weight,
                                    int64_t chunks, int64_t hidden) {
  const int64_t column = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (column >= hidden) return;
  float sum = 0.0f;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) sum += sums.load(chunk * hidden + column);
  grad_weight.store(column, grad_weight.load(column) + sum);
}

LaunchShape one_block_a_row(int64_t rows) {
  return {
      .blocks = static_cast<uint32_t>(rows), .threads = kThreads, .shared_bytes = kPartialBytes};
}

// 16-byte accesses need every row to begin at a multiple of 16 bytes.
template <class T>
bool rows_aligned(int64_t hidden) {
  return hidden % kPack<T> == 0;
}

}  // namespace

void execute_cuda(const RmsNormForward& op, CudaContext& context) {
  const int64_t hidden = op.input.shape[-1], rows = op.input.rows();
  if (rows == 0) return;
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    const bool wide = rows_aligned<T>(hidden) && aligned(op.input, op.weight, op.output);
    with_width<T>(wide, [&](auto width) {
      launch(op.kName, rms_norm_forward<T, width>, one_block_a_row(rows), context.stream,
             input<T>(op.input), input<T>(op.weight), output<T>(op.output),
             output<float>(op.inverse_rms), hidden, op.epsilon);
    });
  });
}

void execute_cuda(const RmsNormBackward& op, CudaContext& context) {
  const int64_t hidden = op.input.shape[-1], rows = op.input.rows();
  if (rows == 0) return;
  const int64_t chunks = (rows + kChunk - 1) / kChunk;
  const auto tiles = static_cast<uint32_t>((hidden + kThreads - 1) / kThreads);
  const Global<float> sums = context.scratch<float>(chunks * hidden);
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    // First, since grad_input may be grad_output.
    launch(op.kName, rms_norm_chunk_sums<T>,
           {.blocks = tiles, .blocks_y = static_cast<uint32_t>(chunks), .threads = kThreads},
           context.stream, input<T>(op.grad_output), input<T>(op.input),
           input<float>(op.inverse_rms), sums, rows, hidden);
    const bool wide =
        rows_aligned<T>(hidden) && aligned(op.grad_output, op.input, op.weight, op.grad_input);
    with_width<T>(wide, [&](auto width) {
      launch(op.kName, rms_norm_grad_input<T, width>, one_block_a_row(rows), context.stream,
             input<T>(op.grad_output), input<T>(op.input), input<T>(op.weight),
             input<float>(op.inverse_rms), output<T>(op.grad_input), hidden);
    });
  });
  launch(op.kName, rms_norm_add_chunks, {.blocks = tiles, .threads = kThreads}, context.stream,
         sums.read_only(), output<float>(op.grad_weight), chunks, hidden);
}

LEIA_CUDA_EXECUTION(RmsNormForward)
LEIA_CUDA_EXECUTION(RmsNormBackward)

}  // namespace leia
