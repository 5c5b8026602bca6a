// Attention's forward pass for few queries, as when tokens are generated one by one: a block of
// lanes would be mostly empty, and packing the keys would cost more than what they are packed for.
// Rows of keys and values are read as they lie. A part of flash_attention_cpu_kernels.h, compiled
// once per instruction set.
namespace leia::LEIA_ISA {

constexpr int64_t kFewQueries = 8;

// Scores of Count keys from `key` on, whose sums run side by side.
template <int Count, class T>
void few_products(const T* query, const Head<const T>& keys, int64_t key, float scale,
                  float* scores) {
  Floats sums[Count] = {};
  for_vectors(keys.dims, [&](int64_t i, int64_t count) {
    const Floats q = load_count(query + i, count);
    for (int j = 0; j < Count; ++j) sums[j] += q * load_count(keys.row(key + j) + i, count);
  });
  for (int j = 0; j < Count; ++j) scores[j] = reduce_sum(sums[j]) * scale;
}

// scores[key] = scale * query . key, bounded by the softcap, for keys [first, last); returns their
// maximum.
template <class T>
float few_scores(const T* query, const Head<const T>& keys, int64_t first, int64_t last,
                 float scale, Softcap softcap, float* scores) {
  int64_t key = first;
  for (; key + 4 <= last; key += 4) {
    few_products<4>(query, keys, key, scale, scores + key - first);
  }
  for (; key < last; ++key) few_products<1>(query, keys, key, scale, scores + key - first);
  if (softcap) {
    for_vectors(last - first, [&](int64_t i, int64_t count) {
      store_count(scores + i, softcap.of(load_count(scores + i, count)), count);
    });
  }
  Floats top = splat(-__builtin_inff());
  for_vectors(last - first, [&](int64_t i, int64_t count) {
    top = maximum(top, load_count(scores + i, count, -__builtin_inff()));
  });
  return reduce_max(top);
}

// output = factor * sum_key weights[key] * value[key] over keys [first, last).
template <class T>
void few_outputs(const float* weights, const Head<const T>& values, int64_t first, int64_t last,
                 float factor, T* output) {
  constexpr int kSums = 4;  // run side by side
  int64_t dim = 0;
  for (; dim + kSums * kLanes <= values.dims; dim += kSums * kLanes) {
    Floats sums[kSums] = {};
    for (int64_t key = first; key < last; ++key) {
      const T* row = values.row(key) + dim;
      for (int j = 0; j < kSums; ++j) sums[j] += load(row + j * kLanes) * weights[key - first];
    }
    for (int j = 0; j < kSums; ++j) store(output + dim + j * kLanes, sums[j] * factor);
  }
  for_vectors(values.dims - dim, [&](int64_t i, int64_t count) {
    Floats sum{};
    for (int64_t key = first; key < last; ++key) {
      sum += load_count(values.row(key) + dim + i, count) * weights[key - first];
    }
    store_count(output + dim + i, sum * factor, count);
  });
}

// One query of one head.
template <class T>
void few_row(const FlashAttentionForward& op, const VisibleKeys& visible, int64_t batch,
             int64_t head, int64_t query) {
  const int64_t queries = op.query.shape[1], heads = op.query.shape[2];
  const int64_t kv_head = head / (heads / op.key.shape[2]);
  const int64_t first = visible.first[static_cast<size_t>(query)];
  const int64_t last = visible.last[static_cast<size_t>(query)];
  float* scores = thread_scratch<float, 2>(last - first);
  const float top = few_scores<T>(head_of<T>(op.query, batch, head).row(query),
                                  head_of<const T>(op.key, batch, kv_head), first, last,
                                  op.options.scale, Softcap{op.options.softcap}, scores);
  Floats sums{};
  for_vectors(last - first, [&](int64_t i, int64_t count) {
    const Floats weights =
        exponential_of_negative(load_count(scores + i, count, -__builtin_inff()) - splat(top));
    store_count(scores + i, weights, count);
    sums += weights;
  });
  const float sum = reduce_sum(sums);
  const float factor = first < last ? 1.0f / sum : 0.0f;
  few_outputs<T>(scores, head_of<const T>(op.value, batch, kv_head), first, last, factor,
                 head_of<T>(op.output, batch, head).row(query));
  op.logsumexp.data<float>()[(batch * heads + head) * queries + query] = top + __builtin_logf(sum);
}

template <class T>
void forward_few(const FlashAttentionForward& op, CpuContext& context) {
  const int64_t batches = op.query.shape[0], queries = op.query.shape[1];
  const int64_t heads = op.query.shape[2];
  std::vector<VisibleKeys> visible;
  for (int64_t batch = 0; batch < batches; ++batch) {
    visible.emplace_back(op, batch);
  }
  context.parallel_for(batches * heads, [&](int64_t task) {
    const int64_t batch = task / heads;
    for (int64_t query = 0; query < queries; ++query) {
      few_row<T>(op, visible[static_cast<size_t>(batch)], batch, task % heads, query);
    }
  });
}

}  // namespace leia::LEIA_ISA
