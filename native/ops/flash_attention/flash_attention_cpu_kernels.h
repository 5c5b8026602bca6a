// Attention on a CPU: compiled once per instruction set by flash_attention_cpu.cpp.
#include "ops/flash_attention/flash_attention_cpu_backward.h"
#include "ops/flash_attention/flash_attention_cpu_few.h"

namespace leia::LEIA_ISA {

template <class T>
void forward_block(const FlashAttentionForward& op, const VisibleKeys& visible, int64_t batch,
                   int64_t head, int64_t first, const float* key_rows, const float* value_dims) {
  const Head<T> query = head_of<T>(op.query, batch, head);
  const int64_t dims = query.dims;
  const int64_t count = query.positions - first < kBlock ? query.positions - first : kBlock;
  float* scratch = thread_scratch<float, 2>((2 * padded(dims) + kTile) * kBlock);
  float *lanes = scratch, *sums = lanes + padded(dims) * kBlock,
        *tile = sums + padded(dims) * kBlock;
  pack_lanes(query, first, count, op.options.scale, lanes);
  std::memset(sums, 0, static_cast<size_t>(padded(dims) * kBlock) * sizeof(float));
  Floats top[2], sum[2] = {};
  top[0] = top[1] = splat(-__builtin_inff());
  const Softcap softcap{op.options.softcap};
  const LaneLimits limits = lane_limits(visible, first, count);
  const KeyRange range = visible_range(visible, first, count);
  for (int64_t begin = range.begin; begin < range.end; begin += kTile) {
    const int64_t end = begin + kTile < range.end ? begin + kTile : range.end;
    multiply_rows(key_rows, lanes, dims, begin, end, tile);
    if (softcap) cap_tile(tile, end - begin, softcap);
    if (count < kBlock || !all_visible(visible, first, count, begin, end)) {
      mask_tile(tile, limits, begin, end);
    }
    for (int half = 0; half < 2; ++half) {
      const Floats shrink = online_softmax(tile + half * kLanes, end - begin, top[half], sum[half]);
      for (int64_t d = 0; d < dims; ++d) {
        float* at = sums + d * kBlock + half * kLanes;
        store(at, load(at) * shrink);
      }
    }
    add_product(value_dims, tile, dims, visible.keys, begin, end, sums);
  }
  float factors[kBlock], tops[kBlock], totals[kBlock];
  for (int half = 0; half < 2; ++half) {
    // A query that sees no key has the output zero.
    store(factors + half * kLanes, sum[half] == splat(0.0f) ? sum[half] : splat(1.0f) / sum[half]);
    store(tops + half * kLanes, top[half]);
    store(totals + half * kLanes, sum[half]);
  }
  write_lanes(sums, factors, first, count, head_of<T>(op.output, batch, head));
  float* logsumexp =
      op.logsumexp.data<float>() + (batch * op.query.shape[2] + head) * query.positions + first;
  for (int64_t i = 0; i < count; ++i) logsumexp[i] = tops[i] + __builtin_logf(totals[i]);
}

template <class T>
void forward_typed(const FlashAttentionForward& op, CpuContext& context) {
  const int64_t queries = op.query.shape[1], heads = op.query.shape[2];
  const int64_t kv_heads = op.key.shape[2], group = heads / kv_heads;
  const Panels key_rows = take_rows(op.key, context), value_dims = take_dims(op.value, context);
  for (int64_t batch = 0; batch < op.query.shape[0]; ++batch) {
    const VisibleKeys visible(op, batch);
    context.parallel_for(2 * kv_heads, [&](int64_t task) {
      const int64_t head = task / 2;
      if (task % 2 == 0) {
        pack_rows(first_of(head_of<T>(op.key, batch, head), visible.keys), key_rows.head(head));
      } else {
        pack_dims(first_of(head_of<T>(op.value, batch, head), visible.keys), value_dims.head(head));
      }
    });
    const int64_t blocks = blocks_of(queries);
    // The longest causal blocks first, so that the threads end together.
    context.parallel_for(heads * blocks, [&](int64_t task) {
      const int64_t block = blocks - 1 - task / heads, head = task % heads;
      forward_block<T>(op, visible, batch, head, block * kBlock, key_rows.head(head / group),
                       value_dims.head(head / group));
    });
  }
}

inline void flash_attention_forward(const FlashAttentionForward& op, CpuContext& context) {
  const bool few = op.query.shape[1] <= kFewQueries;
  dispatch_float(op.query.dtype, [&](auto type) {
    using T = decltype(type);
    if (few) return forward_few<T>(op, context);
    forward_typed<T>(op, context);
  });
}

inline void flash_attention_backward(const FlashAttentionBackward& op, CpuContext& context) {
  dispatch_float(op.query.dtype, [&](auto type) { backward_typed<decltype(type)>(op, context); });
}

}  // namespace leia::LEIA_ISA
