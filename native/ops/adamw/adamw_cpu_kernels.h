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

// The random bits of a run of elements: none where nothing is rounded.
struct NoBits {
  void fill(int64_t, int64_t) {}
  Words get(int64_t) const { return Words{}; }
};

// Made for kRun elements at a time, so that the compiler can interleave several calls.
struct RunOfBits {
  static constexpr int64_t kRun = 256;
  RoundingBits bits;
  uint32_t words[kRun + kLanes];

  explicit RunOfBits(const RoundingBits& of_parameter) : bits(of_parameter) {}
  void fill(int64_t first, int64_t count) {
    for (int64_t i = 0; i < count; i += kElementsPerCall) {
      const PhiloxWords made = bits.of(first + i);
      for (int64_t j = 0; j < kElementsPerCall; ++j) words[i + j] = made.words[j];
    }
  }
  Words get(int64_t offset) const {
    Words result;
    std::memcpy(&result, words + offset, sizeof(result));
    return result;
  }
};

struct SingleMoments {
  float *first, *second;
  using Bits = NoBits;

  Floats get_first(int64_t i, int64_t count) const { return load_count(first + i, count); }
  Floats get_second(int64_t i, int64_t count) const { return load_count(second + i, count); }
  void set(int64_t i, Floats m, Floats v, Words, int64_t count) const {
    store_count(first + i, m, count);
    store_count(second + i, v, count);
  }
};

// Rounded at random, see adamw.h.
struct HalfMoments {
  uint16_t *first, *second;
  using Bits = RunOfBits;

  static Floats widen(const uint16_t* from, int64_t count) {
    return reinterpret_cast<Floats>(load_halves(from, count) << 16);
  }
  static void round(uint16_t* to, Floats value, Words random, int64_t count) {
    const Words bits = reinterpret_cast<Words>(value), quiet = Words{} + 0x7fc00000u;
    const Words stored = (bits & 0x7fffffffu) > 0x7f800000u ? quiet : bits;
    store_halves(to, upper_half(stored, random), count);
  }
  Floats get_first(int64_t i, int64_t count) const { return widen(first + i, count); }
  Floats get_second(int64_t i, int64_t count) const { return widen(second + i, count); }
  void set(int64_t i, Floats m, Floats v, Words random, int64_t count) const {
    round(first + i, m, random & 0xffffu, count);
    round(second + i, v, random >> 16, count);
  }
};

template <class Parameters, class Moments>
void adamw_range(Parameters parameters, Moments moments, const float* gradient,
                 const AdamWFactors& f, typename Moments::Bits random, int64_t first,
                 int64_t last) {
  for (int64_t run = first; run < last; run += RunOfBits::kRun) {
    const int64_t size = last - run < RunOfBits::kRun ? last - run : RunOfBits::kRun;
    random.fill(run, size);
    for_vectors(size, [&](int64_t offset, int64_t count) {
      const int64_t i = run + offset;
      const Floats g = load_count(gradient + i, count) * f.scale;
      Floats m = moments.get_first(i, count);
      m = f.first < 0.5f ? m + f.first * (g - m) : g - f.keep_first * (g - m);
      const Floats v = moments.get_second(i, count) * f.keep + f.second * g * g;
      moments.set(i, m, v, random.get(offset), count);
      const Floats p = parameters.get(i, count) * f.decay;
      parameters.set(i, p - f.rate * (m / (square_root(v) / f.correction + f.epsilon)), count);
    });
  }
}

inline void adamw(const AdamW& op, const AdamWFactors& factors, CpuContext& context) {
  for (size_t i = 0; i < op.parameters.size(); ++i) {
    const Tensor& parameter = op.parameters[i];
    const Tensor &m = op.first_moments[i], &v = op.second_moments[i];
    const auto update = [&](auto values, int64_t first, int64_t last) {
      const float* gradient = op.gradients[i].data<float>();
      if (m.dtype == DType::float32) {
        adamw_range(values, SingleMoments{m.data<float>(), v.data<float>()}, gradient, factors,
                    NoBits{}, first, last);
      } else {
        const RoundingBits bits(op.seed, op.step, op.first_parameter + static_cast<int64_t>(i),
                                op.first_elements.empty() ? 0 : op.first_elements[i]);
        adamw_range(values, HalfMoments{m.data<uint16_t>(), v.data<uint16_t>()}, gradient, factors,
                    RunOfBits(bits), first, last);
      }
    };
    // Ranges begin at multiples of kElementsPerCall.
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
