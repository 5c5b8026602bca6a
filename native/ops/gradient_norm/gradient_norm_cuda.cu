// One launch for all gradients, in which every block adds up the squares of one chunk in float32;
// the chunks' sums are then added in float64 by one block, in an order that depends on their number
// alone.
#include "cuda/reduce.cuh"
#include "cuda/tensor_list.cuh"
#include "ops/gradient_norm/gradient_norm.h"

namespace leia {

namespace {

constexpr uint32_t kThreads = 256;
constexpr int kWarps = kThreads / kWarpSize;
constexpr int64_t kChunk = 4096;

// Aligned to its size, for it is read as a whole.
struct alignas(32) Entry {
  const float* gradient;
  int64_t count;
  bool aligned;
};

template <int Width>
LEIA_DEVICE float sum_of_squares(Global<const float> gradient, int64_t begin, int64_t end) {
  float squares = 0.0f;
  for (int64_t i = begin + threadIdx.x * Width; i < end; i += int64_t{kThreads} * Width) {
    float g[Width];
    load_floats(g, gradient, i, end);
#pragma unroll
    for (int j = 0; j < Width; ++j) squares += g[j] * g[j];
  }
  return squares;
}

__global__ void chunk_sums(TensorList<Entry> list, Global<float> sums) {
  const Shared<float> partial(0, kWarps);
  const Shared<int> found(kWarps * sizeof(float), 1);
  const ChunkOfTensor own = chunk_of_block(list, found);
  const Entry entry = list.entries.load(own.tensor);
  const Global<const float> gradient(entry.gradient, entry.count);
  const int64_t begin = own.chunk * kChunk;
  const int64_t end = begin + kChunk < entry.count ? begin + kChunk : entry.count;
  const float squares = entry.aligned ? sum_of_squares<kPack<float>>(gradient, begin, end)
                                      : sum_of_squares<1>(gradient, begin, end);
  const float sum = block_sum(squares, partial);
  if (threadIdx.x == 0) sums.store(blockIdx.x, sum);
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
  // An infinite max_norm gives an infinite factor, or NaN for an infinite norm; neither clips.
  scale.store(0, factor < 1.0 ? static_cast<float>(factor) : 1.0f);
}

}  // namespace

void execute_cuda(const GradientNorm& op, CudaContext& context) {
  TensorListBuilder<Entry> list(kChunk);
  for (const Tensor& gradient : op.gradients) {
    list.add(gradient.elements(),
             {gradient.data<const float>(), gradient.elements(), aligned(gradient)});
  }
  const Global<float> sums = context.scratch<float>(list.chunks());
  if (list.chunks() > 0) {
    launch(op.kName, chunk_sums,
           {.blocks = list.chunks(),
            .threads = kThreads,
            .shared_bytes = kWarps * sizeof(float) + sizeof(int)},
           context.stream, list.on_device(op.kName, context), sums);
  }
  launch(op.kName, norm_and_scale, {.threads = kThreads, .shared_bytes = kThreads * sizeof(double)},
         context.stream, sums.read_only(), int64_t{list.chunks()}, op.max_norm,
         output<float>(op.norm), output<float>(op.scale));
}

LEIA_CUDA_EXECUTION(GradientNorm)

}  // namespace leia
