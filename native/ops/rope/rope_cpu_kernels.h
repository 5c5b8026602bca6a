// Compiled once per instruction set by rope_cpu.cpp.
namespace leia::LEIA_ISA {

// direction is 1 for the rotation, -1 for its inverse.
template <class T>
void rope_head(const T* input, const float* cos, const float* sin, float direction, T* output,
               int64_t half) {
  for_vectors(half, [&](int64_t i, int64_t count) {
    const Floats c = load_count(cos + i, count), s = load_count(sin + i, count) * direction;
    const Floats x = load_count(input + i, count), y = load_count(input + half + i, count);
    store_count(output + i, x * c - y * s, count);
    store_count(output + half + i, y * c + x * s, count);
  });
}

inline void rope(const Tensor& input, const Tensor& cos, const Tensor& sin, float direction,
                 const Tensor& positions, const Tensor& output, CpuContext& context) {
  const int64_t sequence = input.shape[1], heads = input.shape[2], size = input.shape[3];
  const int64_t half = size / 2;
  const int32_t* position = positions ? positions.data<int32_t>() : nullptr;
  dispatch_float(input.dtype, [&](auto type) {
    using T = decltype(type);
    context.parallel_ranges(input.shape[0] * sequence, 8, [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) {
        const int64_t angle = (position != nullptr ? position[row] : row % sequence) * half;
        for (int64_t head = 0; head < heads; ++head) {
          const int64_t at = (row * heads + head) * size;
          rope_head(input.data<T>() + at, cos.data<float>() + angle, sin.data<float>() + angle,
                    direction, output.data<T>() + at, half);
        }
      }
    });
  });
}

}  // namespace leia::LEIA_ISA
