// A head and its scores as attention's CPU kernels see them: a part of
// flash_attention_cpu_kernels.h, compiled once per instruction set.
namespace leia::LEIA_ISA {

// One head of a [batch, positions, heads, D] tensor.
template <class T>
struct Head {
  T* data;
  int64_t positions, stride, dims;
  T* row(int64_t position) const { return data + position * stride; }
};

template <class T>
Head<T> head_of(const Tensor& tensor, int64_t batch, int64_t head) {
  const Shape& shape = tensor.shape;
  return {tensor.data<T>() + (batch * shape[1] * shape[2] + head) * shape[3], shape[1],
          shape[2] * shape[3], shape[3]};
}

// Its first positions.
template <class T>
Head<T> first_of(Head<T> head, int64_t positions) {
  head.positions = positions;
  return head;
}

// Scores are bounded by `cap`, or as they are if that is 0.
struct Softcap {
  float cap;

  explicit operator bool() const { return cap != 0.0f; }
  Floats of(Floats scores) const { return cap * hyperbolic_tangent(scores / cap); }
  // Its derivative, given the bounded scores; a hidden score has none.
  Floats slope(Floats bounded) const {
    const Floats tangent = bounded / cap;
    return maximum(1.0f - tangent * tangent, splat(0.0f));
  }
};

}  // namespace leia::LEIA_ISA
