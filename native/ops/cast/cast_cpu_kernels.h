// Compiled once per instruction set by cast_cpu.cpp.
namespace leia::LEIA_ISA {

template <class From, class To>
void cast_values(const From* input, To* output, int64_t elements, CpuContext& context) {
  context.parallel_ranges(elements, 1 << 16, [&](int64_t first, int64_t last) {
    for_vectors(last - first, [&](int64_t i, int64_t count) {
      store_count(output + first + i, load_count(input + first + i, count), count);
    });
  });
}

// Between float32 and bfloat16.
inline void cast(const Cast& op, CpuContext& context) {
  if (op.input.dtype == DType::float32) {
    cast_values(op.input.data<float>(), op.output.data<bfloat16>(), op.input.elements(), context);
  } else {
    cast_values(op.input.data<bfloat16>(), op.output.data<float>(), op.input.elements(), context);
  }
}

}  // namespace leia::LEIA_ISA
