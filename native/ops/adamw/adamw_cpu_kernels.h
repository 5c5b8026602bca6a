// Compiled once per instruction set by adamw_cpu.cpp: one pass over parameters and state.
namespace leia::LEIA_ISA {

struct SingleParameters {
  float* values;

  Floats get(int64_t i, int64_t count) const { return load_count(values + i, count); }
  void set(int64_t i, Floats value, int64_t count) const { store_count(values + i, value, count); }
};

// Upper halves rounded up from 0x8000, and the lower halves they were rounded by.
struct SplitParameters {
  uint16_t *upper, *lower;

  Floats get(int64_t i, int64_t count) const {
    const Words high = load_halves(upper + i, count), low = load_halves(lower + i, count);
    return reinterpret_cast<Floats>((low >= 0x8000u ? high - 1u : high) << 16 | low);
  }
  void set(int64_t i, Floats value, int64_t count) const {
    const Words bits = reinterpret_cast<Words>(value), quiet = Words{} + 0x7fc00000u;
    const Words stored = (bits & 0x7fffffffu) > 0x7f800000u ? quiet : bits;
    store_halves(upper + i, (stored + 0x8000u) >> 16, count);
    store_halves(lower + i, stored & 0xffffu, count);
  }
};

template <class Parameters>
void adamw_range(Parameters parameters, const float* gradient, float* first_moment,
                 float* second_moment, const AdamWFactors& f, int64_t first, int64_t last) {
  for_vectors(last - first, [&](int64_t offset, int64_t count) {
    const int64_t i = first + offset;
    const Floats g = load_count(gradient + i, count) * f.scale;
    Floats m = load_count(first_moment + i, count);
    m = f.first < 0.5f ? m + f.first * (g - m) : g - f.keep_first * (g - m);
    store_count(first_moment + i, m, count);
    const Floats v = load_count(second_moment + i, count) * f.keep + f.second * g * g;
    store_count(second_moment + i, v, count);
    const Floats p = parameters.get(i, count) * f.decay;
    parameters.set(i, p - f.rate * (m / (square_root(v) / f.correction + f.epsilon)), count);
  });
}

inline void adamw(const AdamW& op, const AdamWFactors& factors, CpuContext& context) {
  for (size_t i = 0; i < op.parameters.size(); ++i) {
    const Tensor& parameter = op.parameters[i];
    const auto update = [&](auto values, int64_t first, int64_t last) {
      adamw_range(values, op.gradients[i].data<float>(), op.first_moments[i].data<float>(),
                  op.second_moments[i].data<float>(), factors, first, last);
    };
    context.parallel_ranges(parameter.elements(), 1 << 14, [&](int64_t first, int64_t last) {
      if (op.master_low_bits.empty()) {
        update(SingleParameters{parameter.data<float>()}, first, last);
      } else {
        const auto* low_bits = &op.master_low_bits[i];
        update(SplitParameters{parameter.data<uint16_t>(), low_bits->data<uint16_t>()}, first,
               last);
      }
    });
  }
}

}  // namespace leia::LEIA_ISA
