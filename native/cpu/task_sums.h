// Gradients that are sums over rows: each task of a parallel loop makes a sum of its own over its
// rows, and these are added in the order of the tasks. Compiled once per instruction set by
// cpu/each_isa.h (hence no include guard).
namespace leia::LEIA_ISA {

// `sums` has as many floats for each task as the gradient has.
inline void add_task_sums(const float* sums, int64_t tasks, const Tensor& gradient,
                          CpuContext& context) {
  const int64_t size = gradient.elements();
  float* target = gradient.data<float>();
  context.parallel_ranges(size, 1024, [&](int64_t first, int64_t last) {
    for (int64_t task = 0; task < tasks; ++task) {
      const float* own = sums + task * size;
      for (int64_t i = first; i < last; ++i) target[i] += own[i];
    }
  });
}

}  // namespace leia::LEIA_ISA
