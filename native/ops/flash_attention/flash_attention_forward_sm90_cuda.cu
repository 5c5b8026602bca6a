// Forward on Hopper's tensor cores. Two warpgroups share a block's tiles of keys and values, and
// own 64 queries each. The exponentials of one tile are made while the tensor cores multiply those
// of the tile before by its values; they go there from registers.
#include "ops/flash_attention/flash_attention_hopper.h"
#include "ops/flash_attention/flash_attention_panels.cuh"

namespace leia {

namespace {

// 64 + 64 sums a thread, of output and scores, at 128 dims, and 32 registers of exponentials: a
// thread can have 255, as a multiprocessor's 65,536 go to one block. Shared memory: 161 and 81 KB.
constexpr int kRows = 128, kColumns = 128, kThreads = 2 * kWarpgroup;

template <int Dims>
struct HopperMemory {
  using Query = PanelTile<kRows, Dims>;
  using Key = PanelTile<kColumns, Dims>;
  using QuerySpans = Spans<kRows>;
  static constexpr size_t kKeys = Query::kBytes, kValues = kKeys + 2 * Key::kBytes;
  static constexpr size_t kSpans = kValues + 2 * Key::kBytes;
  static constexpr size_t bytes() { return kSpans + QuerySpans::kBytes; }

  LEIA_DEVICE static Key key(int stage) { return Key(kKeys + stage * Key::kBytes); }
  LEIA_DEVICE static Key value(int stage) { return Key(kValues + stage * Key::kBytes); }
};

using Scores = Sums<1, kColumns / 8>;
using Weights = uint32_t[kColumns / 16][4];

// What a warpgroup multiplies, queued on its tensor cores: scores = queries * keys^T.
template <int Dims>
LEIA_DEVICE void start_scores(Scores& scores, SharedMatrix queries, SharedMatrix keys) {
  using Memory = HopperMemory<Dims>;
  warpgroup_fence(scores[0]);
#pragma unroll
  for (int k = 0; k < Dims / 16; ++k) {
    warpgroup_multiply<Major::k>(scores[0], Memory::Query::dims_behind(queries, k),
                                 Memory::Key::dims_behind(keys, k), k > 0);
  }
  warpgroup_commit();
}

// outputs += weights * values.
template <int Dims>
LEIA_DEVICE void start_outputs(Sums<1, Dims / 8>& outputs, Weights& weights, SharedMatrix values) {
  using Memory = HopperMemory<Dims>;
  warpgroup_fence(outputs[0], weights);
#pragma unroll
  for (int k = 0; k < kColumns / 16; ++k) {
    warpgroup_multiply<Major::other>(outputs[0], weights[k], Memory::Key::rows_behind(values, k),
                                     true);
  }
  warpgroup_commit();
}

// Two neighbouring tiles of 16x8 sums, rounded, are a left operand.
[[maybe_unused]] LEIA_DEVICE void round_weights(Weights& weights, const Scores& scores) {
#pragma unroll
  for (int k = 0; k < kColumns / 16; ++k) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float(&from)[4] = scores[0][2 * k + i / 2];
      weights[k][i] = pack_bfloat16(from[i % 2 * 2], from[i % 2 * 2 + 1]);
    }
  }
}

template <int Dims>
__global__ void __launch_bounds__(kThreads, 1)
    hopper_attention_forward(ForwardArguments<bfloat16> arguments) {
#if defined(__CUDACC__) && !defined(LEIA_WARPGROUPS)
  __trap();
#else
  using T = bfloat16;
  using Memory = HopperMemory<Dims>;
  constexpr int N = kColumns / 8, D = Dims / 8;
  const Visibility& visibility = arguments.visibility;
  const int64_t batch = blockIdx.z;
  const int32_t heads = arguments.heads, head = static_cast<int32_t>(blockIdx.y);
  const int32_t kv_heads = arguments.kv_heads, kv_head = head / (heads / kv_heads);
  // The longest causal blocks first, so that the multiprocessors end together.
  const int32_t first = static_cast<int32_t>(gridDim.x - 1 - blockIdx.x) * kRows;
  const HeadRows<const T> query(arguments.query, batch, visibility.queries, heads, head, Dims);
  const int32_t keys = visibility.keys, key_count = visibility.key_count(batch);
  const auto key =
      HeadRows<const T>(arguments.key, batch, keys, kv_heads, kv_head, Dims).until(key_count);
  const auto value =
      HeadRows<const T>(arguments.value, batch, keys, kv_heads, kv_head, Dims).until(key_count);

  const typename Memory::Query query_tile(0);
  const typename Memory::QuerySpans spans(Memory::kSpans);
  query_tile.template start_copy<kThreads>(query, first);
  for (int row = static_cast<int>(threadIdx.x); row < kRows; row += kThreads) {
    spans.store(row, visibility.keys_of(batch, smaller(first + row, visibility.queries - 1)));
  }
  sync_threads();
  const Span any = spans.any();

  // The same in all lanes; the shuffle lets the compiler see that.
  const int warp = shuffle(static_cast<int>(threadIdx.x) / kWarpSize, 0), warp_row = 16 * warp;
  const SharedMatrix queries = query_tile.by_dims(warp / 4 * 64);
  const float scale = arguments.scale * kLog2E;
  Sums<1, D> outputs;
  clear<1, D>(outputs);
  RunningSoftmax<1> softmax;
  // What was copied is there, for all threads and the tensor cores; what was multiplied with before
  // is no longer in use.
  const auto arrive = [&] {
    copy_async_wait<0>();
    fence_proxy_async();
    sync_threads();
  };
  // The keys of the next tile go where those of the last one were, so do the values of this tile.
  const auto start_next = [&](int stage, int32_t column) {
    if (column + kColumns < any.last) {
      Memory::key(1 - stage).template start_copy<kThreads>(key, column + kColumns);
    }
    Memory::value(stage).template start_copy<kThreads>(value, column);
    copy_async_commit();
  };
  const auto bound_and_mask = [&](Scores& scores, int32_t column) {
    if (arguments.softcap.given()) arguments.softcap.template bound<T, 1, N>(scores);
    const Span all = spans.all();
    if (column < all.first || column + kColumns > all.last) {
      spans.template mask<1, N>(scores, warp_row, column);
    }
  };

  if (any.first < any.last) {
    Scores scores;
    Weights weights;
    float shrink[1][2];
    int stage = 0;
    int32_t column = any.first;
    Memory::key(stage).template start_copy<kThreads>(key, column);
    copy_async_commit();
    arrive();
    start_scores<Dims>(scores, queries, Memory::key(stage).by_dims());
    start_next(stage, column);
    warpgroup_wait<0>(scores[0]);
    bound_and_mask(scores, column);
    softmax.template weigh<N>(scores, shrink, scale);
    round_weights(weights, scores);
    for (column += kColumns; column < any.last; column += kColumns) {
      stage = 1 - stage;
      arrive();
      start_scores<Dims>(scores, queries, Memory::key(stage).by_dims());
      start_outputs<Dims>(outputs, weights, Memory::value(1 - stage).by_rows());
      start_next(stage, column);
      warpgroup_wait<1>(scores[0]);
      bound_and_mask(scores, column);
      softmax.template weigh<N>(scores, shrink, scale);
      finish_before_wait(softmax.sum_of_rows());
      warpgroup_wait<0>(outputs[0], weights);
      rescale<1, D>(outputs, shrink);
      round_weights(weights, scores);
    }
    arrive();
    start_outputs<Dims>(outputs, weights, Memory::value(stage).by_rows());
    warpgroup_wait<0>(outputs[0], weights);
  } else {
    // The queries are still on their way.
    copy_async_commit();
    copy_async_wait<0>();
    sync_threads();
  }

  float inverse[1][2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float total = softmax.total(0, half);
    inverse[0][half] = total == 0.0f ? 0.0f : 1.0f / total;
    const int32_t position = first + warp_row + 8 * half + lane_index() / 4;
    if (lane_index() % 4 == 0 && position < visibility.queries) {
      const float logsumexp =
          total == 0.0f ? -__builtin_inff() : softmax.top[0][half] * arguments.scale + logf(total);
      const int64_t row = (batch * heads + head) * visibility.queries;
      arguments.logsumexp.store(row + position, logsumexp);
    }
  }
  // Nobody reads the queries any more since the barrier before the last product: their tile takes
  // the output.
  const HeadRows<T> output(arguments.output, batch, visibility.queries, heads, head, Dims);
  write_sums<1, D>(outputs, inverse, query_tile, warp_row, output, first + warp_row);
#endif
}

}  // namespace

template <int Dims>
void launch_hopper_forward(const char* name, CudaContext& context,
                           const ForwardArguments<bfloat16>& arguments, int64_t batch) {
  const int32_t queries = arguments.visibility.queries;
  launch(name, hopper_attention_forward<Dims>,
         {.blocks = static_cast<uint32_t>((queries + kRows - 1) / kRows),
          .blocks_y = static_cast<uint32_t>(arguments.heads),
          .blocks_z = static_cast<uint32_t>(batch),
          .threads = kThreads,
          .shared_bytes = HopperMemory<Dims>::bytes()},
         context.stream, arguments);
}

template void launch_hopper_forward<64>(const char*, CudaContext&,
                                        const ForwardArguments<bfloat16>&, int64_t);
template void launch_hopper_forward<128>(const char*, CudaContext&,
                                         const ForwardArguments<bfloat16>&, int64_t);

}  // namespace leia
