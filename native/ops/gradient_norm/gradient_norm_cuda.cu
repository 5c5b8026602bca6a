// Every block adds up the squares of one chunk in float32; the chunks' sums, of all gradients
// together, are then added in float64 by one block, in an order that depends on their number alone.
#include "cuda/context.cuh"
#include "cuda/reduce.cuh"
#include "ops/gradient_norm/gradient_norm.h"

namespace leia {

namespace {

constexpr uint32_t kThreads = 256;
constexpr int kWarps = kThreads / kWarpSize;
constexpr int64_t kChunk = 4096;

template <int Width>
__global__ void chunk_sums(Global<const float> gradient, Global<float> sums, int64_t first_sum,
                           int64_t count) {
  const Shared<float> partial(0, kWarps);
  const int64_t begin = int64_t{blockIdx.x} * kChunk;
  const int64_t end = begin + kChunk < count ? begin + kChunk : count;
  float squares = 0.0f;
  for (int64_t i = begin + threadIdx.x * Width; i < end; i += int64_t{kThreads} * Width) {
    float g[Width];
    load_floats(g, gradient, i, end);
#pragma unroll
    for (int j = 0; j < Width; ++j) squares += g[j] * g[j];
  }
  const float sum = block_sum(squares, partial);
  if (threadIdx.x == 0) sums.store(first_sum + blockIdx.x, sum);
}

__global__ void norm_and_scale(Global<const float> sums, int64_t count, double max_norm,
                               Global<float> norm, Global<float> scale) {
  const Shared<double> partial(0, kThreads);
  const int thread = static_cast<int>(threadIdx.x);
  double sum = 0.0;
  for (int64_t i = thread; i < count; i += kThreads) sum += sums.load(i);
  partial.store(thread, sum);
  sync_threads();
  if (thread != 0) return;
  double total = 0.0;
  for (int i = 0; i < static_cast<int>(kThreads); ++i) total += partial.load(i);
  const float root = static_cast<float>(sqrt(total));
  const double factor = max_norm / (static_cast<double>(root) + 1e-6);
  norm.store(0, root);
  // An infinite max_norm gives an infinite factor, or no number for an infinite norm: both do not
  // clip.
  scale.store(0, factor < 1.0 ? static_cast<float>(factor) : 1.0f);
}

int64_t chunks_of(const Tensor& gradient) {
  return (gradient.elements() + kChunk - 1) / kChunk;
}

}  // namespace

void execute_cuda(const GradientNorm& op, CudaContext& context) {
  int64_t chunks = 0;
  for (const Tensor& gradient : op.gradients) chunks += chunks_of(gradient);
  const Global<float> sums = context.scratch<float>(chunks);
  int64_t first = 0;
  for (const Tensor& gradient : op.gradients) {
    const int64_t own = chunks_of(gradient);
    if (own == 0) continue;
    const LaunchShape shape{.blocks = static_cast<uint32_t>(own),
                            .threads = kThreads,
                            .shared_bytes = kWarps * sizeof(float)};
    with_width<float>(aligned(gradient), [&](auto width) {
      launch(op.kName, chunk_sums<width>, shape, context.stream, input<float>(gradient), sums,
             first, gradient.elements());
    });
    first += own;
  }
  launch(op.kName, norm_and_scale, {.threads = kThreads, .shared_bytes = kThreads * sizeof(double)},
         context.stream, sums.read_only(), chunks, op.max_norm, output<float>(op.norm),
         output<float>(op.scale));
}

LEIA_CUDA_EXECUTION(GradientNorm)

}  // namespace leia
