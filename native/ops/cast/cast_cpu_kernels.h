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

// Between float dtypes.
template <class From>
void cast_from(const Cast& op, CpuContext& context) {
  const From* input = op.input.data<From>();
  const int64_t elements = op.input.elements();
  switch (op.output.dtype) {
    case DType::float32:
      return cast_values(input, op.output.data<float>(), elements, context);
    case DType::bfloat16:
      return cast_values(input, op.output.data<bfloat16>(), elements, context);
    default:
      return cast_values(input, op.output.data<float16>(), elements, context);
  }
}

inline void cast_floats(const Cast& op, CpuContext& context) {
  switch (op.input.dtype) {
    case DType::float32:
      return cast_from<float>(op, context);
    case DType::bfloat16:
      return cast_from<bfloat16>(op, context);
    default:
      return cast_from<float16>(op, context);
  }
}

}  // namespace leia::LEIA_ISA
