// Compiled once per instruction set by embedding_cpu.cpp.
namespace leia::LEIA_ISA {

constexpr int64_t kColumnsPerTask = 1024;
constexpr int64_t kRowsPerBlock = 32;  // summed first, which keeps frequent ids accurate

// Each task owns a range of columns of one table row, and sums the gradients of its id in order.
inline void embedding_backward(const EmbeddingBackward& op, const int64_t* begin,
                               const int64_t* sorted, const int64_t* used, int64_t used_count,
                               CpuContext& context) {
  const int64_t hidden = op.grad_weight.shape[1];
  const int64_t parts = (hidden + kColumnsPerTask - 1) / kColumnsPerTask;
  dispatch_float(op.grad_output.dtype, [&](auto type) {
    using T = decltype(type);
    const T* grad_output = op.grad_output.data<T>();
    context.parallel_for(used_count * parts, [&](int64_t task) {
      const int64_t id = used[task / parts], column = task % parts * kColumnsPerTask;
      const int64_t columns = hidden - column < kColumnsPerTask ? hidden - column : kColumnsPerTask;
      float* target = op.grad_weight.data<float>() + id * hidden + column;
      for_vectors(columns, [&](int64_t i, int64_t count) {
        Floats sum{};
        for (int64_t block = begin[id]; block < begin[id + 1]; block += kRowsPerBlock) {
          const int64_t end = std::min(block + kRowsPerBlock, begin[id + 1]);
          Floats block_sum{};
          for (int64_t at = block; at < end; ++at) {
            block_sum += load_count(grad_output + sorted[at] * hidden + column + i, count);
          }
          sum += block_sum;
        }
        store_count(target + i, load_count(target + i, count) + sum, count);
      });
    });
  });
}

}  // namespace leia::LEIA_ISA
