// One block a row. Nothing is sorted: every token has a key that gives its place in the order. The
// highest key from which on there are as many tokens, or as much weight, as wanted is found by
// halving; each time takes one pass over the row, which is in the cache by then. Sums are of whole
// numbers, exact in any order.
#include "core/order_key.h"
#include "cuda/reduce.cuh"
#include "cuda/tensor_list.cuh"
#include "ops/sample_token/sample_token.h"

namespace leia {

namespace {

constexpr int kThreads = 512;
constexpr int kWarps = kThreads / kWarpSize;
// The order of tokens: higher logits have higher keys, of equal ones the lower id. NaN has none.
LEIA_DEVICE uint64_t key_of(float logit, int64_t token) {
  return logit != logit ? kNoKey : order_key(bits_of(logit), token);
}

// The tokens with this key or a higher one: their number and weight.
struct Bound {
  uint64_t key, count, weight;
};

// The last token that is needed to reach something has a key from `low` on and below `high`.
struct Range {
  Bound low, high;
};

template <class T, int Width>
struct Row {
  Global<const T> logits;
  int64_t base, vocabulary;
  Shared<uint64_t> partial;
  double temperature;
  float highest;

  template <class Body>
  LEIA_DEVICE void for_tokens(Body body) const {
    for (int64_t i = static_cast<int64_t>(threadIdx.x) * Width; i < vocabulary;
         i += int64_t{kThreads} * Width) {
      float x[Width];
      load_floats(x, logits, base + i, base + vocabulary);
      for (int j = 0; j < Width; ++j) {
        if (i + j < vocabulary) body(i + j, x[j]);
      }
    }
  }

  LEIA_DEVICE uint64_t weight_of(float logit) const {
    // The highest may be infinite.
    if (logit == highest) return uint64_t{1} << 32;
    const double share =
        exp((static_cast<double>(logit) - static_cast<double>(highest)) / temperature);
    return static_cast<uint64_t>(share * 0x1p32 + 0.5);
  }

  LEIA_DEVICE Bound bound(uint64_t key) const {
    uint64_t count = 0, weight = 0;
    for_tokens([&](int64_t token, float logit) {
      const uint64_t own = key_of(logit, token);
      if (own == kNoKey || own < key) return;
      ++count;
      weight += weight_of(logit);
    });
    return {key, block_sum(count, partial), block_sum(weight, partial)};
  }

  // Narrows the range to the one token with which `reached` begins to hold. It holds for low and
  // not for high.
  template <class Reached>
  LEIA_DEVICE Range narrowed(Range range, Reached reached) const {
    while (range.low.count - range.high.count > 1) {
      const Bound middle = bound(range.low.key + (range.high.key - range.low.key) / 2);
      if (reached(middle)) {
        range.low = middle;
      } else {
        range.high = middle;
      }
    }
    return range;
  }
};

template <class T, int Width>
__global__ void __launch_bounds__(kThreads, 1)
    sample_token(Global<const T> logits, Global<int32_t> tokens, Global<const double> draws,
                 int64_t vocabulary, double temperature, uint64_t top_k, double top_p,
                 Global<uint64_t> error_word) {
  Row<T, Width> row{
      logits, blockIdx.x * vocabulary, vocabulary, Shared<uint64_t>(0, kWarps), temperature, 0.0f};
  uint64_t best = kNoKey;
  row.for_tokens([&](int64_t token, float logit) {
    const uint64_t key = key_of(logit, token);
    if (key == kNoKey) report_bad_input(error_word, row.base + token, 0);
    best = key > best ? key : best;
  });
  best = block_max(best, row.partial);
  if (temperature == 0.0 || best == kNoKey) {
    if (threadIdx.x == 0) tokens.store(blockIdx.x, best == kNoKey ? 0 : index_of(best));
    return;
  }
  row.highest = as_float(logits.load(row.base + index_of(best)));

  const Bound none{best + 1, 0, 0};
  Bound kept = row.bound(kNoKey + 1);
  if (top_k < kept.count) {
    kept = row.narrowed({kept, none}, [&](const Bound& b) { return b.count >= top_k; }).low;
  }
  if (top_p < 1.0) {
    const auto enough = static_cast<uint64_t>(ceil(top_p * static_cast<double>(kept.weight)));
    kept = row.narrowed({kept, none}, [&](const Bound& b) { return b.weight >= enough; }).low;
  }
  const auto target =
      static_cast<uint64_t>(draws.load(blockIdx.x) * static_cast<double>(kept.weight));
  const Range drawn = row.narrowed({kept, none}, [&](const Bound& b) { return b.weight > target; });
  row.for_tokens([&](int64_t token, float logit) {
    const uint64_t key = key_of(logit, token);
    if (key >= drawn.low.key && key < drawn.high.key) {
      tokens.store(blockIdx.x, static_cast<int32_t>(token));
    }
  });
}

}  // namespace

void execute_cuda(const SampleToken& op, CudaContext& context) {
  const int64_t rows = op.logits.shape[0], vocabulary = op.logits.shape[1];
  if (rows == 0) return;
  const Global<uint64_t> error_word = context.error_word(
      [logits = op.logits](int64_t element, int32_t) { return bad_logit(logits, element); });
  const Global<const double> draws = on_device(op.kName, draws_of(op), context);
  dispatch_float(op.logits.dtype, [&](auto type) {
    using T = decltype(type);
    with_width<T>(vocabulary % kPack<T> == 0 && aligned(op.logits), [&](auto width) {
      launch(op.kName, sample_token<T, width>,
             {.blocks = static_cast<uint32_t>(rows),
              .threads = kThreads,
              .shared_bytes = kWarps * sizeof(uint64_t)},
             context.stream, input<T>(op.logits), output<int32_t>(op.tokens), draws, vocabulary,
             op.temperature, static_cast<uint64_t>(op.top_k), op.top_p, error_word);
    });
  });
}

LEIA_CUDA_EXECUTION(SampleToken)

}  // namespace leia
