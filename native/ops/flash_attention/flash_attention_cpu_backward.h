// Attention's backward on a CPU: a part of flash_attention_cpu_kernels.h, compiled once per
// instruction set. One walk over blocks of queries gives dQ, another over blocks of keys dK and dV.
#include "ops/flash_attention/flash_attention_cpu_tiles.h"

namespace leia::LEIA_ISA {

// Everything backward packs of one batch entry.
struct BackwardPanels {
  Panels query_rows, query_dims, grad_rows, grad_dims, key_rows, key_dims, value_rows;
  float* delta;  // [heads, queries]: D = rowsum(dO * O)
};

// dS = P * (dP - D) in place of dP, for half a tile row; P = exp(S - L).
inline Floats score_gradient(Floats scores, Softcap softcap, Floats logsumexp,
                             Floats grad_probability, Floats delta, Floats& probability) {
  probability = exponential(scores - logsumexp);
  const Floats gradient = probability * (grad_probability - delta);
  return softcap ? gradient * softcap.slope(scores) : gradient;
}

template <class T>
void grad_query_block(const FlashAttentionBackward& op, const VisibleKeys& visible, int64_t batch,
                      int64_t head, int64_t kv_head, int64_t first, const BackwardPanels& panels) {
  const Head<T> query = head_of<T>(op.query, batch, head);
  const int64_t dims = query.dims, queries = query.positions;
  const int64_t count = queries - first < kBlock ? queries - first : kBlock;
  float* scratch = thread_scratch<float, 2>((3 * padded(dims) + 2 * kTile) * kBlock);
  float *lanes = scratch, *grad_lanes = lanes + padded(dims) * kBlock;
  float *sums = grad_lanes + padded(dims) * kBlock, *tile = sums + padded(dims) * kBlock;
  float* grad_tile = tile + kTile * kBlock;
  pack_lanes(query, first, count, op.options.scale, lanes);
  pack_lanes(head_of<T>(op.grad_output, batch, head), first, count, 1.0f, grad_lanes);
  std::memset(sums, 0, static_cast<size_t>(padded(dims) * kBlock) * sizeof(float));
  float logsumexp[kBlock] = {}, delta[kBlock] = {}, factors[kBlock];
  const int64_t saved = (batch * op.query.shape[2] + head) * queries + first;
  std::memcpy(logsumexp, op.logsumexp.data<float>() + saved,
              static_cast<size_t>(count) * sizeof(float));
  std::memcpy(delta, panels.delta + head * queries + first,
              static_cast<size_t>(count) * sizeof(float));
  const Softcap softcap{op.options.softcap};
  const LaneLimits limits = lane_limits(visible, first, count);
  const KeyRange range = visible_range(visible, first, count);
  for (int64_t begin = range.begin; begin < range.end; begin += kTile) {
    const int64_t end = begin + kTile < range.end ? begin + kTile : range.end;
    multiply_rows(panels.key_rows.head(kv_head), lanes, dims, begin, end, tile);
    if (softcap) cap_tile(tile, end - begin, softcap);
    if (count < kBlock || !all_visible(visible, first, count, begin, end)) {
      mask_tile(tile, limits, begin, end);
    }
    multiply_rows(panels.value_rows.head(kv_head), grad_lanes, dims, begin, end, grad_tile);
    for (int64_t row = 0; row < end - begin; ++row) {
      for (int64_t lane = 0; lane < kBlock; lane += kLanes) {
        float* at = grad_tile + row * kBlock + lane;
        Floats probability;
        store(at, score_gradient(load(tile + row * kBlock + lane), softcap, load(logsumexp + lane),
                                 load(at), load(delta + lane), probability));
      }
    }
    add_product(panels.key_dims.head(kv_head), grad_tile, dims, visible.keys, begin, end, sums);
  }
  for (float& factor : factors) factor = op.options.scale;
  write_lanes(sums, factors, first, count, head_of<T>(op.grad_query, batch, head));
}

template <class T>
void grad_key_value_block(const FlashAttentionBackward& op, const VisibleKeys& visible,
                          int64_t batch, int64_t kv_head, int64_t first,
                          const BackwardPanels& panels) {
  const Head<T> key = head_of<T>(op.key, batch, kv_head);
  const int64_t dims = key.dims, queries = op.query.shape[1];
  const int64_t heads = op.query.shape[2], group = heads / op.key.shape[2];
  const int64_t count = key.positions - first < kBlock ? key.positions - first : kBlock;
  // How many of them the row has. What lies behind is not looked at, and its gradients are zero.
  const int64_t rest = visible.keys > first ? visible.keys - first : 0;
  const int64_t present = rest < count ? rest : count;
  const int64_t lane_size = padded(dims) * kBlock;
  float* scratch = thread_scratch<float, 2>(4 * lane_size + 2 * kTile * kBlock);
  float *lanes = scratch, *value_lanes = lanes + lane_size;
  float *grad_key = value_lanes + lane_size, *grad_value = grad_key + lane_size;
  float *tile = grad_value + lane_size, *grad_tile = tile + kTile * kBlock;
  pack_lanes(key, first, present, op.options.scale, lanes);
  pack_lanes(head_of<T>(op.value, batch, kv_head), first, present, 1.0f, value_lanes);
  std::memset(grad_key, 0, static_cast<size_t>(2 * lane_size) * sizeof(float));
  int32_t positions[kBlock];
  for (int64_t lane = 0; lane < kBlock; ++lane) {
    positions[lane] = lane < present ? static_cast<int32_t>(first + lane) : INT32_MAX;
  }
  const Softcap softcap{op.options.softcap};
  const auto seeing = visible.queries_of(first, present);
  const int64_t first_tile = seeing.begin / kTile * kTile;
  for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    const float* logsumexp = op.logsumexp.data<float>() + (batch * heads + head) * queries;
    const float* delta = panels.delta + head * queries;
    for (int64_t begin = first_tile; begin < seeing.end; begin += kTile) {
      const int64_t end = begin + kTile < seeing.end ? begin + kTile : seeing.end;
      multiply_rows(panels.query_rows.head(head), lanes, dims, begin, end, tile);
      if (softcap) cap_tile(tile, end - begin, softcap);
      multiply_rows(panels.grad_rows.head(head), value_lanes, dims, begin, end, grad_tile);
      for (int64_t row = 0; row < end - begin; ++row) {
        const auto at = static_cast<size_t>(begin + row);
        for (int64_t lane = 0; lane < kBlock; lane += kLanes) {
          Ints position;
          std::memcpy(&position, positions + lane, sizeof(position));
          const auto seen = (position >= visible.first[at]) & (position < visible.last[at]);
          float *scores = tile + row * kBlock + lane, *grad = grad_tile + row * kBlock + lane;
          Floats probability;
          const Floats masked = seen ? load(scores) : splat(-__builtin_inff());
          store(grad, score_gradient(masked, softcap, splat(logsumexp[at]), load(grad),
                                     splat(delta[at]), probability));
          store(scores, probability);
        }
      }
      add_product(panels.grad_dims.head(head), tile, dims, queries, begin, end, grad_value);
      add_product(panels.query_dims.head(head), grad_tile, dims, queries, begin, end, grad_key);
    }
  }
  float factors[kBlock];
  for (float& factor : factors) factor = op.options.scale;
  write_lanes(grad_key, factors, first, count, head_of<T>(op.grad_key, batch, kv_head));
  for (float& factor : factors) factor = 1.0f;
  write_lanes(grad_value, factors, first, count, head_of<T>(op.grad_value, batch, kv_head));
}

template <class T>
void row_products(const Head<T>& a, const Head<T>& b, float* sums) {
  for (int64_t position = 0; position < a.positions; ++position) {
    Floats total{};
    for_vectors(a.dims, [&](int64_t d, int64_t count) {
      total += load_count(a.row(position) + d, count) * load_count(b.row(position) + d, count);
    });
    sums[position] = reduce_sum(total);
  }
}

template <class T>
void pack_backward(const FlashAttentionBackward& op, int64_t batch, int64_t keys,
                   const BackwardPanels& panels, CpuContext& context) {
  const int64_t queries = op.query.shape[1], heads = op.query.shape[2];
  context.parallel_for(heads, [&](int64_t head) {
    const Head<T> query = head_of<T>(op.query, batch, head);
    const Head<T> grad = head_of<T>(op.grad_output, batch, head);
    pack_rows(query, panels.query_rows.head(head));
    pack_dims(query, panels.query_dims.head(head));
    pack_rows(grad, panels.grad_rows.head(head));
    pack_dims(grad, panels.grad_dims.head(head));
    row_products(grad, head_of<T>(op.output, batch, head), panels.delta + head * queries);
  });
  context.parallel_for(op.key.shape[2], [&](int64_t head) {
    const Head<T> key = first_of(head_of<T>(op.key, batch, head), keys);
    pack_rows(key, panels.key_rows.head(head));
    pack_dims(key, panels.key_dims.head(head));
    pack_rows(first_of(head_of<T>(op.value, batch, head), keys), panels.value_rows.head(head));
  });
}

template <class T>
void backward_typed(const FlashAttentionBackward& op, CpuContext& context) {
  const int64_t queries = op.query.shape[1], heads = op.query.shape[2];
  const int64_t keys = op.key.shape[1], kv_heads = op.key.shape[2], group = heads / kv_heads;
  const BackwardPanels panels{
      take_rows(op.query, context),       take_dims(op.query, context),
      take_rows(op.grad_output, context), take_dims(op.grad_output, context),
      take_rows(op.key, context),         take_dims(op.key, context),
      take_rows(op.value, context),       context.scratch.take<float>(heads * queries)};
  for (int64_t batch = 0; batch < op.query.shape[0]; ++batch) {
    const VisibleKeys visible(op, batch);
    pack_backward<T>(op, batch, visible.keys, panels, context);
    const int64_t query_blocks = blocks_of(queries), key_blocks = blocks_of(keys);
    context.parallel_for(heads * query_blocks, [&](int64_t task) {
      const int64_t block = query_blocks - 1 - task / heads, head = task % heads;
      grad_query_block<T>(op, visible, batch, head, head / group, block * kBlock, panels);
    });
    context.parallel_for(kv_heads * key_blocks, [&](int64_t task) {
      grad_key_value_block<T>(op, visible, batch, task % kv_heads, task / kv_heads * kBlock,
                              panels);
    });
  }
}

}  // namespace leia::LEIA_ISA
