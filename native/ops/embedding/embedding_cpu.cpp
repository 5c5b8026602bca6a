#include "ops/embedding/embedding.h"

#include <algorithm>

#define LEIA_KERNELS "ops/embedding/embedding_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

namespace {

void check_ids(const Tensor& ids, int64_t vocabulary) {
  const int32_t* id = ids.data<int32_t>();
  for (int64_t i = 0; i < ids.elements(); ++i) {
    if (id[i] >= 0 && id[i] < vocabulary) continue;
    fail("argument", bad_id(ids, i, id[i], vocabulary));
  }
}

}  // namespace

void execute_cpu(const EmbeddingForward& op, CpuContext& context) {
  check_ids(op.ids, op.weight.shape[0]);
  const auto row_bytes = static_cast<size_t>(op.weight.shape[1]) * size_of(op.weight.dtype);
  const int32_t* ids = op.ids.data<int32_t>();
  const auto* weight = op.weight.data<std::byte>();
  auto* output = op.output.data<std::byte>();
  context.parallel_ranges(op.ids.elements(), 64, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      std::memcpy(output + static_cast<size_t>(row) * row_bytes,
                  weight + static_cast<size_t>(ids[row]) * row_bytes, row_bytes);
    }
  });
}

void execute_cpu(const EmbeddingBackward& op, CpuContext& context) {
  const int64_t vocabulary = op.grad_weight.shape[0], rows = op.ids.elements();
  check_ids(op.ids, vocabulary);
  const int32_t* ids = op.ids.data<int32_t>();
  // Rows in the order of their ids, by counting: those of id v are at [begin[v], begin[v + 1]).
  auto* begin = context.scratch.take<int64_t>(vocabulary + 1);
  auto* next = context.scratch.take<int64_t>(vocabulary);
  auto* sorted = context.scratch.take<int64_t>(rows);
  std::fill(begin, begin + vocabulary + 1, 0);
  for (int64_t row = 0; row < rows; ++row) ++begin[ids[row] + 1];
  auto* used = context.scratch.take<int64_t>(vocabulary);
  int64_t used_count = 0;
  for (int64_t id = 0; id < vocabulary; ++id) {
    if (begin[id + 1] > 0) used[used_count++] = id;
    begin[id + 1] += begin[id];
    next[id] = begin[id];
  }
  for (int64_t row = 0; row < rows; ++row) sorted[next[ids[row]]++] = row;
  LEIA_DISPATCH(embedding_backward)(op, begin, sorted, used, used_count, context);
}

LEIA_CPU_EXECUTION(EmbeddingForward)
LEIA_CPU_EXECUTION(EmbeddingBackward)

}  // namespace leia
