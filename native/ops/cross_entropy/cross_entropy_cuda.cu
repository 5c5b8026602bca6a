// One block a row. Each thread keeps a running maximum and sum over its part of the row (the online
// softmax of Milakov & Gimelshein 2018), joined over the block at the end.
#include "cuda/context.cuh"
#include "cuda/reduce.cuh"
#include "ops/cross_entropy/cross_entropy.h"

namespace leia {

namespace {

constexpr uint32_t kThreads = 256;
constexpr int kWarps = kThreads / kWarpSize;
constexpr size_t kSharedBytes = kWarps * (sizeof(double) + sizeof(float));
constexpr float kLowest = -__builtin_huge_valf();

// The reference of exponents: finite also when all logits so far are -infinity.
LEIA_DEVICE float finite(float maximum) {
  return maximum == kLowest ? 0.0f : maximum;
}

// How many logits a row has: of the vocabulary, and in memory, where more may follow.
struct Extent {
  int64_t vocabulary, columns;
};

template <class T>
struct Row {
  Global<const T> logits;
  int64_t first, end, last;

  LEIA_DEVICE Row(Global<const T> all, int64_t index, Extent extent)
      : logits(all),
        first(index * extent.columns),
        end(first + extent.vocabulary),
        last(first + extent.columns) {}
};

// log(sum_v e^x[v]) as reference + log_sum: large logits take no digits from the exponents.
struct LogSumExp {
  float reference;
  double log_sum;
};

// The row's, known to every thread. The threads' sums are added in float64: there are few of them,
// and the loss is the difference of the result and a logit.
template <int Width, class T>
LEIA_DEVICE LogSumExp log_sum_exp(const Row<T>& row) {
  const Shared<double> sums(0, kWarps);
  const Shared<float> maxima(kWarps * sizeof(double), kWarps);
  float maximum = kLowest;
  double sum = 0.0;
  for (int64_t i = row.first + threadIdx.x * Width; i < row.end; i += int64_t{kThreads} * Width) {
    float x[Width];
    load_floats(x, row.logits, i, row.end);
    float highest = maximum;
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      if (i + j < row.end && x[j] > highest) highest = x[j];
    }
    float part = 0.0f;
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      if (i + j < row.end) part += expf(x[j] - finite(highest));
    }
    if (highest != maximum && sum != 0.0)
      sum *= static_cast<double>(expf(finite(maximum) - finite(highest)));
    sum += static_cast<double>(part);
    maximum = highest;
  }
  const float reference = finite(block_max(maximum, maxima));
  const double own =
      sum == 0.0 ? 0.0
                 : sum * exp(static_cast<double>(finite(maximum)) - static_cast<double>(reference));
  return {reference, log(block_sum(own, sums))};
}

// Whether the row counts; a bad label is reported, and its row ignored.
LEIA_DEVICE bool counts(int32_t label, int64_t vocabulary, Global<uint64_t> error_word) {
  if (label >= 0 && label < vocabulary) return true;
  if (label != kIgnoredLabel && threadIdx.x == 0) report_bad_input(error_word, blockIdx.x, label);
  return false;
}

// 0 where the row does not count, and behind the vocabulary.
template <class T, int Width>
LEIA_DEVICE void write_gradient(const Row<T>& row, int32_t label, bool counted, float reference,
                                float log_sum, float scale, Global<T> grad_logits) {
  for (int64_t i = row.first + threadIdx.x * Width; i < row.last; i += int64_t{kThreads} * Width) {
    float x[Width] = {};
    if (counted) {
      load_floats(x, row.logits, i, row.end);
#pragma unroll
      for (int j = 0; j < Width; ++j) {
        const float exponent = x[j] - reference - log_sum;
        // For a label that is nearly certain, e^x is close to 1 and e^x - 1 would lose its digits.
        x[j] = scale * (i + j == row.first + label ? expm1f(exponent) : expf(exponent));
        if (i + j >= row.end) x[j] = 0.0f;
      }
    }
    store_floats(grad_logits, i, row.last, x);
  }
}

template <class T, int Width>
__global__ void cross_entropy_forward(Global<const T> logits, Global<const int32_t> labels,
                                      Global<float> losses, Global<float> logsumexp, Extent extent,
                                      Global<uint64_t> error_word) {
  const int64_t index = blockIdx.x;
  const Row<T> row(logits, index, extent);
  const LogSumExp lse = log_sum_exp<Width>(row);
  const double value = static_cast<double>(lse.reference) + lse.log_sum;
  const int32_t label = labels.load(index);
  const bool counted = counts(label, extent.vocabulary, error_word);
  if (threadIdx.x != 0) return;
  logsumexp.store(index, static_cast<float>(value));
  losses.store(
      index, counted ? static_cast<float>(value - as_float(logits.load(row.first + label))) : 0.0f);
}

template <class T, int Width>
__global__ void cross_entropy_backward(Global<const T> logits, Global<const int32_t> labels,
                                       Global<const float> logsumexp, float scale,
                                       Global<T> grad_logits, Extent extent,
                                       Global<uint64_t> error_word) {
  const int64_t index = blockIdx.x;
  const Row<T> row(logits, index, extent);
  const int32_t label = labels.load(index);
  const bool counted = counts(label, extent.vocabulary, error_word);
  write_gradient<T, Width>(row, label, counted, logsumexp.load(index), 0.0f, scale, grad_logits);
}

template <class T, int Width>
__global__ void cross_entropy(Global<const T> logits, Global<const int32_t> labels, float scale,
                              Global<float> losses, Global<T> grad_logits, Extent extent,
                              Global<uint64_t> error_word) {
  const int64_t index = blockIdx.x;
  const Row<T> row(logits, index, extent);
  const int32_t label = labels.load(index);
  const bool counted = counts(label, extent.vocabulary, error_word);
  // Read before the gradient takes its place: a barrier within log_sum_exp is between the two.
  const float own = counted ? as_float(logits.load(row.first + label)) : 0.0f;
  const LogSumExp lse = log_sum_exp<Width>(row);
  if (threadIdx.x == 0) {
    const double from_reference = static_cast<double>(lse.reference) - static_cast<double>(own);
    losses.store(index, counted ? static_cast<float>(from_reference + lse.log_sum) : 0.0f);
  }
  write_gradient<T, Width>(row, label, counted, lse.reference, static_cast<float>(lse.log_sum),
                           scale, grad_logits);
}

LaunchShape one_block_a_row(const Tensor& logits) {
  return {.blocks = static_cast<uint32_t>(logits.shape[0]),
          .threads = kThreads,
          .shared_bytes = kSharedBytes};
}

// Launches kernel.operator()<T, Width>(): what all three have in common.
template <class Launch>
void with_logits(const Tensor& logits, const Tensor& other, Launch&& launch_with) {
  if (logits.shape[0] == 0) return;
  dispatch_float(logits.dtype, [&](auto type) {
    using T = decltype(type);
    const bool wide = logits.shape[1] % kPack<T> == 0 && aligned(logits, other);
    with_width<T>(wide, [&](auto width) { launch_with(type, width); });
  });
}

template <class Operation>
Extent extent_of(const Operation& op) {
  return {op.vocabulary, op.logits.shape[1]};
}

Global<uint64_t> label_errors(CudaContext& context, const Tensor& labels, int64_t vocabulary) {
  return context.error_word([labels, vocabulary](int64_t element, int32_t value) {
    return bad_label(labels, element, value, vocabulary);
  });
}

}  // namespace

void execute_cuda(const CrossEntropyForward& op, CudaContext& context) {
  const Global<uint64_t> errors = label_errors(context, op.labels, op.vocabulary);
  with_logits(op.logits, op.logits, [&](auto type, auto width) {
    using T = decltype(type);
    launch(op.kName, cross_entropy_forward<T, width>, one_block_a_row(op.logits), context.stream,
           input<T>(op.logits), input<int32_t>(op.labels), output<float>(op.losses),
           output<float>(op.logsumexp), extent_of(op), errors);
  });
}

void execute_cuda(const CrossEntropyBackward& op, CudaContext& context) {
  const Global<uint64_t> errors = label_errors(context, op.labels, op.vocabulary);
  with_logits(op.logits, op.grad_logits, [&](auto type, auto width) {
    using T = decltype(type);
    launch(op.kName, cross_entropy_backward<T, width>, one_block_a_row(op.logits), context.stream,
           input<T>(op.logits), input<int32_t>(op.labels), input<float>(op.logsumexp), op.scale,
           output<T>(op.grad_logits), extent_of(op), errors);
  });
}

void execute_cuda(const CrossEntropy& op, CudaContext& context) {
  const Global<uint64_t> errors = label_errors(context, op.labels, op.vocabulary);
  with_logits(op.logits, op.grad_logits, [&](auto type, auto width) {
    using T = decltype(type);
    launch(op.kName, cross_entropy<T, width>, one_block_a_row(op.logits), context.stream,
           input<T>(op.logits), input<int32_t>(op.labels), op.scale, output<float>(op.losses),
           output<T>(op.grad_logits), extent_of(op), errors);
  });
}

LEIA_CUDA_EXECUTION(CrossEntropyForward)
LEIA_CUDA_EXECUTION(CrossEntropyBackward)
LEIA_CUDA_EXECUTION(CrossEntropy)

}  // namespace leia
