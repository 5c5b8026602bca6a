// Compiled once per instruction set by residual_add_cpu.cpp.
namespace leia::LEIA_ISA {

inline void residual_add(const ResidualAdd& op, CpuContext& context) {
  dispatch_float(op.a.dtype, [&](auto type) {
    using T = decltype(type);
    const T *a = op.a.data<T>(), *b = op.b.data<T>();
    T* output = op.output.data<T>();
    context.parallel_ranges(op.a.elements(), 1 << 15, [&](int64_t first, int64_t last) {
      for_vectors(last - first, [&](int64_t i, int64_t count) {
        const int64_t at = first + i;
        store_count(output + at, load_count(a + at, count) + load_count(b + at, count), count);
      });
    });
  });
}

}  // namespace leia::LEIA_ISA
