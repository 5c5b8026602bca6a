// Compiled once per instruction set by flash_attention_cpu.cpp.
//
// A task owns one block of kBlock positions, one position per vector lane: queries in the forward
// pass and for dQ, keys for dK and dV. It walks over the other side in tiles of kTile positions.
// Scores of a tile are [tile position, lane], so maxima and sums of a query are plain vector
// operations, and the tile of probabilities is already packed as the right operand of the next
// product. Operands come in three layouts, all float32: "rows" [panel of kRows positions][d][kRows]
// and "dims" [panel of kRows d][position][kRows] are left operands, packed once per head and
// shared; "lanes" [d][kBlock] is the block itself.
#include "cpu/micro_kernel.h"
#include "ops/flash_attention/flash_attention_cpu_few.h"

namespace leia::LEIA_ISA {

constexpr int kRows = kLanes == 16 ? 8 : 4;  // with 2 vectors of lanes, what the registers hold
constexpr int64_t kBlock = kTileColumns;
constexpr int64_t kTile = 64;
constexpr int64_t kMaxDims = 256;

inline int64_t padded(int64_t count) {
  return (count + kRows - 1) / kRows * kRows;
}

template <class T>
void pack_rows(const Head<T>& head, float* to) {
  for (int64_t position = 0; position < padded(head.positions); ++position) {
    float* panel = to + position / kRows * kRows * head.dims + position % kRows;
    for (int64_t d = 0; d < head.dims; ++d) {
      panel[d * kRows] = position < head.positions ? to_float(head.row(position)[d]) : 0.0f;
    }
  }
}

template <class T>
void pack_dims(const Head<T>& head, float* to) {
  for (int64_t d = 0; d < padded(head.dims); ++d) {
    float* panel = to + d / kRows * kRows * head.positions + d % kRows;
    for (int64_t position = 0; position < head.positions; ++position) {
      panel[position * kRows] = d < head.dims ? to_float(head.row(position)[d]) : 0.0f;
    }
  }
}

template <class T>
void pack_lanes(const Head<T>& head, int64_t first, int64_t count, float scale, float* to) {
  std::memset(to, 0, static_cast<size_t>(head.dims * kBlock) * sizeof(float));
  for (int64_t lane = 0; lane < count; ++lane) {
    for (int64_t d = 0; d < head.dims; ++d) {
      to[d * kBlock + lane] = to_float(head.row(first + lane)[d]) * scale;
    }
  }
}

// tile[position, lane] = sum_d rows[position, d] * lanes[d, lane] for positions [begin, end); begin
// is a multiple of kRows.
inline void multiply_rows(const float* rows, const float* lanes, int64_t dims, int64_t begin,
                          int64_t end, float* tile) {
  for (int64_t position = begin; position < end; position += kRows) {
    multiply_tile<kRows>(rows + position * dims, lanes, dims, tile + (position - begin) * kBlock,
                         kBlock, false);
  }
}

// sums[d, lane] += sum_position dims[d, position] * tile[position, lane] over [begin, end).
inline void add_product(const float* dims_panels, const float* tile, int64_t dims,
                        int64_t positions, int64_t begin, int64_t end, float* sums) {
  for (int64_t d = 0; d < dims; d += kRows) {
    multiply_tile<kRows>(dims_panels + d * positions + begin * kRows, tile, end - begin,
                         sums + d * kBlock, kBlock, true);
  }
}

template <class T>
void write_lanes(const float* sums, const float* factors, int64_t first, int64_t count,
                 const Head<T>& head) {
  for (int64_t lane = 0; lane < count; ++lane) {
    T* row = head.row(first + lane);
    for (int64_t d = 0; d < head.dims; ++d) {
      row[d] = from_float<T>(sums[d * kBlock + lane] * factors[lane]);
    }
  }
}

// The tiles [begin, end) of keys that a block of queries sees at all, from a multiple of kTile on.
struct KeyRange {
  int64_t begin, end;
};

inline KeyRange visible_range(const VisibleKeys& visible, int64_t first, int64_t count) {
  return {visible.first[static_cast<size_t>(first)] / kTile * kTile,
          visible.last[static_cast<size_t>(first + count - 1)]};
}

// Whether every query of [first, first + count) sees every key of [begin, end).
inline bool all_visible(const VisibleKeys& visible, int64_t first, int64_t count, int64_t begin,
                        int64_t end) {
  return visible.first[static_cast<size_t>(first + count - 1)] <= begin &&
         visible.last[static_cast<size_t>(first)] >= end;
}

struct LaneLimits {
  Ints first[2], last[2];
};

// The visible keys of a block of queries; lanes beyond count see none.
inline LaneLimits lane_limits(const VisibleKeys& visible, int64_t first, int64_t count) {
  int32_t from[kBlock] = {}, to[kBlock] = {};
  std::memcpy(from, visible.first.data() + first, static_cast<size_t>(count) * sizeof(int32_t));
  std::memcpy(to, visible.last.data() + first, static_cast<size_t>(count) * sizeof(int32_t));
  LaneLimits limits;
  std::memcpy(&limits.first, from, sizeof(from));
  std::memcpy(&limits.last, to, sizeof(to));
  return limits;
}

// Hides scores of keys that a query does not see.
inline void mask_tile(float* tile, const LaneLimits& limits, int64_t begin, int64_t end) {
  const Floats hidden = splat(-__builtin_inff());
  for (int64_t key = begin; key < end; ++key) {
    const auto position = static_cast<int32_t>(key);
    for (int half = 0; half < 2; ++half) {
      float* scores = tile + (key - begin) * kBlock + half * kLanes;
      const auto seen = (limits.first[half] <= position) & (limits.last[half] > position);
      store(scores, seen ? load(scores) : hidden);
    }
  }
}

// One step of the online softmax: turns a tile of scores into exponentials relative to the running
// maximum; returns the factor by which earlier sums shrink.
inline Floats online_softmax(float* tile, int64_t rows, Floats& maximum_so_far, Floats& sum) {
  Floats top = maximum_so_far;
  for (int64_t row = 0; row < rows; ++row) top = maximum(top, load(tile + row * kBlock));
  // A lane that has seen no key yet: any finite base makes its exponentials zero.
  const Floats base = top == splat(-__builtin_inff()) ? splat(0.0f) : top;
  const Floats shrink = exponential(maximum_so_far - base);
  Floats added{};
  for (int64_t row = 0; row < rows; ++row) {
    const Floats p = exponential(load(tile + row * kBlock) - base);
    store(tile + row * kBlock, p);
    added += p;
  }
  sum = sum * shrink + added;
  maximum_so_far = top;
  return shrink;
}

// `keys` is how many the row has, and the stride of value_dims.
template <class T>
void forward_block(const FlashAttentionForward& op, const VisibleKeys& visible, int64_t batch,
                   int64_t head, int64_t first, int64_t keys, const float* key_rows,
                   const float* value_dims) {
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
  const LaneLimits limits = lane_limits(visible, first, count);
  const KeyRange range = visible_range(visible, first, count);
  for (int64_t begin = range.begin; begin < range.end; begin += kTile) {
    const int64_t end = begin + kTile < range.end ? begin + kTile : range.end;
    multiply_rows(key_rows, lanes, dims, begin, end, tile);
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
    add_product(value_dims, tile, dims, keys, begin, end, sums);
  }
  float factors[kBlock], tops[kBlock], totals[kBlock];
  for (int half = 0; half < 2; ++half) {
    store(factors + half * kLanes, splat(1.0f) / sum[half]);
    store(tops + half * kLanes, top[half]);
    store(totals + half * kLanes, sum[half]);
  }
  write_lanes(sums, factors, first, count, head_of<T>(op.output, batch, head));
  float* logsumexp =
      op.logsumexp.data<float>() + (batch * op.query.shape[2] + head) * query.positions + first;
  for (int64_t i = 0; i < count; ++i) logsumexp[i] = tops[i] + __builtin_logf(totals[i]);
}

// Packed panels of the heads of one batch entry.
struct Panels {
  float* data;
  int64_t size;  // floats per head
  float* head(int64_t index) const { return data + index * size; }
};

inline Panels take_rows(const Tensor& tensor, CpuContext& context) {
  const int64_t size = padded(tensor.shape[1]) * tensor.shape[3];
  return {context.scratch.take<float>(size * tensor.shape[2]), size};
}

inline Panels take_dims(const Tensor& tensor, CpuContext& context) {
  const int64_t size = tensor.shape[1] * padded(tensor.shape[3]);
  return {context.scratch.take<float>(size * tensor.shape[2]), size};
}

inline int64_t blocks_of(int64_t positions) {
  return (positions + kBlock - 1) / kBlock;
}

template <class T>
void forward_typed(const FlashAttentionForward& op, CpuContext& context) {
  const int64_t queries = op.query.shape[1], heads = op.query.shape[2];
  const int64_t kv_heads = op.key.shape[2], group = heads / kv_heads;
  const Panels key_rows = take_rows(op.key, context), value_dims = take_dims(op.value, context);
  for (int64_t batch = 0; batch < op.query.shape[0]; ++batch) {
    const int64_t keys = keys_of_row(op, batch);
    const VisibleKeys visible(op.document_starts, batch, queries, keys, op.options.causal);
    context.parallel_for(2 * kv_heads, [&](int64_t task) {
      const int64_t head = task / 2;
      if (task % 2 == 0) {
        pack_rows(first_of(head_of<T>(op.key, batch, head), keys), key_rows.head(head));
      } else {
        pack_dims(first_of(head_of<T>(op.value, batch, head), keys), value_dims.head(head));
      }
    });
    const int64_t blocks = blocks_of(queries);
    // The longest causal blocks first, so that the threads end together.
    context.parallel_for(heads * blocks, [&](int64_t task) {
      const int64_t block = blocks - 1 - task / heads, head = task % heads;
      forward_block<T>(op, visible, batch, head, block * kBlock, keys, key_rows.head(head / group),
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

// Everything backward packs of one batch entry.
struct BackwardPanels {
  Panels query_rows, query_dims, grad_rows, grad_dims, key_rows, key_dims, value_rows;
  float* delta;  // [heads, queries]: D = rowsum(dO * O)
};

// dS = P * (dP - D) in place of dP, for half a tile row; P = exp(S - L).
inline Floats score_gradient(Floats scores, Floats logsumexp, Floats grad_probability, Floats delta,
                             Floats& probability) {
  probability = exponential(scores - logsumexp);
  return probability * (grad_probability - delta);
}

template <class T>
void grad_query_block(const FlashAttentionBackward& op, const VisibleKeys& visible, int64_t batch,
                      int64_t head, int64_t kv_head, int64_t first, const BackwardPanels& panels) {
  const Head<T> query = head_of<T>(op.query, batch, head);
  const int64_t dims = query.dims, keys = op.key.shape[1], queries = query.positions;
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
  const LaneLimits limits = lane_limits(visible, first, count);
  const KeyRange range = visible_range(visible, first, count);
  for (int64_t begin = range.begin; begin < range.end; begin += kTile) {
    const int64_t end = begin + kTile < range.end ? begin + kTile : range.end;
    multiply_rows(panels.key_rows.head(kv_head), lanes, dims, begin, end, tile);
    if (count < kBlock || !all_visible(visible, first, count, begin, end)) {
      mask_tile(tile, limits, begin, end);
    }
    multiply_rows(panels.value_rows.head(kv_head), grad_lanes, dims, begin, end, grad_tile);
    for (int64_t row = 0; row < end - begin; ++row) {
      for (int64_t lane = 0; lane < kBlock; lane += kLanes) {
        float* at = grad_tile + row * kBlock + lane;
        Floats probability;
        store(at, score_gradient(load(tile + row * kBlock + lane), load(logsumexp + lane), load(at),
                                 load(delta + lane), probability));
      }
    }
    add_product(panels.key_dims.head(kv_head), grad_tile, dims, keys, begin, end, sums);
  }
  for (float& factor : factors) factor = op.options.scale;
  write_lanes(sums, factors, first, count, head_of<T>(op.grad_query, batch, head));
}

// Queries that see a key of [first, first + count): a contiguous range, from a multiple of kTile
// on.
inline KeyRange seeing_queries(const VisibleKeys& visible, int64_t queries, int64_t first,
                               int64_t count) {
  int64_t begin = 0, end = queries;
  while (begin < end && visible.last[static_cast<size_t>(begin)] <= first) ++begin;
  while (end > begin && visible.first[static_cast<size_t>(end - 1)] >= first + count) --end;
  return {begin / kTile * kTile, end};
}

template <class T>
void grad_key_value_block(const FlashAttentionBackward& op, const VisibleKeys& visible,
                          int64_t batch, int64_t kv_head, int64_t first,
                          const BackwardPanels& panels) {
  const Head<T> key = head_of<T>(op.key, batch, kv_head);
  const int64_t dims = key.dims, queries = op.query.shape[1];
  const int64_t heads = op.query.shape[2], group = heads / op.key.shape[2];
  const int64_t count = key.positions - first < kBlock ? key.positions - first : kBlock;
  const int64_t lane_size = padded(dims) * kBlock;
  float* scratch = thread_scratch<float, 2>(4 * lane_size + 2 * kTile * kBlock);
  float *lanes = scratch, *value_lanes = lanes + lane_size;
  float *grad_key = value_lanes + lane_size, *grad_value = grad_key + lane_size;
  float *tile = grad_value + lane_size, *grad_tile = tile + kTile * kBlock;
  pack_lanes(key, first, count, op.options.scale, lanes);
  pack_lanes(head_of<T>(op.value, batch, kv_head), first, count, 1.0f, value_lanes);
  std::memset(grad_key, 0, static_cast<size_t>(2 * lane_size) * sizeof(float));
  int32_t positions[kBlock];
  for (int64_t lane = 0; lane < kBlock; ++lane) {
    positions[lane] = lane < count ? static_cast<int32_t>(first + lane) : INT32_MAX;
  }
  const KeyRange range = seeing_queries(visible, queries, first, count);
  for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    const float* logsumexp = op.logsumexp.data<float>() + (batch * heads + head) * queries;
    const float* delta = panels.delta + head * queries;
    for (int64_t begin = range.begin; begin < range.end; begin += kTile) {
      const int64_t end = begin + kTile < range.end ? begin + kTile : range.end;
      multiply_rows(panels.query_rows.head(head), lanes, dims, begin, end, tile);
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
          store(grad, score_gradient(masked, splat(logsumexp[at]), load(grad), splat(delta[at]),
                                     probability));
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
void pack_backward(const FlashAttentionBackward& op, int64_t batch, const BackwardPanels& panels,
                   CpuContext& context) {
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
    const Head<T> key = head_of<T>(op.key, batch, head);
    pack_rows(key, panels.key_rows.head(head));
    pack_dims(key, panels.key_dims.head(head));
    pack_rows(head_of<T>(op.value, batch, head), panels.value_rows.head(head));
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
    const VisibleKeys visible(op.document_starts, batch, queries, keys, op.options.causal);
    pack_backward<T>(op, batch, panels, context);
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

inline void flash_attention_backward(const FlashAttentionBackward& op, CpuContext& context) {
  dispatch_float(op.query.dtype, [&](auto type) { backward_typed<decltype(type)>(op, context); });
}

}  // namespace leia::LEIA_ISA
