// A thin vector layer over GCC's vector extensions, compiled once per instruction set by
// cpu/each_isa.h (hence no include guard). Arithmetic, comparison and selection are the operators
// of the vector type itself: `mask ? a : b` chooses lane by lane.
namespace leia::LEIA_ISA {

constexpr int kLanes = LEIA_VECTOR_BYTES / 4;
typedef float Floats __attribute__((vector_size(LEIA_VECTOR_BYTES)));
typedef int32_t Ints __attribute__((vector_size(LEIA_VECTOR_BYTES)));
typedef uint32_t Words __attribute__((vector_size(LEIA_VECTOR_BYTES)));
typedef uint16_t Halves __attribute__((vector_size(LEIA_VECTOR_BYTES / 2)));

inline Floats splat(float value) {
  return Floats{} + value;
}

inline Floats load(const float* source) {
  Floats result;
  std::memcpy(&result, source, sizeof(result));
  return result;
}

inline Floats load(const bfloat16* source) {
  Halves halves;
  std::memcpy(&halves, source, sizeof(halves));
  return reinterpret_cast<Floats>(__builtin_convertvector(halves, Words) << 16);
}

// As to_float.
inline Floats load(const float16* source) {
  Halves halves;
  std::memcpy(&halves, source, sizeof(halves));
  const Words bits = __builtin_convertvector(halves, Words);
  const Words magnitude = (bits & 0x7fffu) << 13;
  const Words scaled =
      reinterpret_cast<Words>(reinterpret_cast<Floats>(magnitude) * splat(0x1p112f));
  const Words value = magnitude < 0x0f800000u ? scaled : magnitude | 0x7f800000u;
  return reinterpret_cast<Floats>((bits & 0x8000u) << 16 | value);
}

inline void store(float* target, Floats value) {
  std::memcpy(target, &value, sizeof(value));
}

// Rounds to nearest, ties to even, like to_bfloat16.
inline void store(bfloat16* target, Floats value) {
  const Words bits = reinterpret_cast<Words>(value);
  const Words rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const Words quiet = (bits >> 16) | 0x40u;
  const Halves halves =
      __builtin_convertvector((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded, Halves);
  std::memcpy(target, &halves, sizeof(halves));
}

// As to_float16.
inline void store(float16* target, Floats value) {
  const Words bits = reinterpret_cast<Words>(value);
  const Words magnitude = bits & 0x7fffffffu;
  const Words normal = ((magnitude + 0xfffu + ((magnitude >> 13) & 1u)) >> 13) - (112u << 10);
  const Words small =
      reinterpret_cast<Words>(reinterpret_cast<Floats>(magnitude) + splat(0.5f)) - 0x3f000000u;
  Words half = magnitude < 0x38800000u ? small : normal;
  half = magnitude >= 0x477ff000u ? Words{} + 0x7c00u : half;
  half = magnitude > 0x7f800000u ? Words{} + 0x7e00u : half;
  const Halves halves = __builtin_convertvector((bits >> 16 & 0x8000u) | half, Halves);
  std::memcpy(target, &halves, sizeof(halves));
}

// Copies 0 <= count < 2 * kPiece elements, without a call as of memcpy for a size that is not
// known.
template <int kPiece = kLanes / 2, class T>
inline void copy_lanes(T* target, const T* source, int64_t count) {
  if constexpr (kPiece > 0) {
    const int64_t piece = count & kPiece;
    if (piece != 0) std::memcpy(target, source, kPiece * sizeof(T));
    copy_lanes<kPiece / 2>(target + piece, source + piece, count);
  }
}

// -1 in the first `count` lanes and 0 in the others.
inline Ints first_lanes(int64_t count) {
  Ints lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  return lane < static_cast<int32_t>(count);
}

// The first `count` lanes (0 < count < kLanes); the others are those of `others`, rounded to T.
template <class T>
[[gnu::noinline]] Floats load_partial(const T* source, int64_t count, Floats others = Floats{}) {
  T lanes[kLanes];
  store(lanes, others);
  copy_lanes(lanes, source, count);
  return load(lanes);
}

// Clang ignores the pragma that lets a function have the instruction.
#if defined(LEIA_ISA_AVX2) && !defined(__clang__)
// In one instruction: above, the load of a whole vector waits for the stores of its pieces.
inline Floats load_partial(const float* source, int64_t count, Floats others = Floats{}) {
  const Ints first = first_lanes(count);
  const auto values = _mm256_maskload_ps(source, reinterpret_cast<__m256i>(first));
  return first ? reinterpret_cast<Floats>(values) : others;
}
#endif

// Not inlined, so that there is room for the bodies of loops over whole vectors to be.
template <class T>
[[gnu::noinline]] void store_partial(T* target, Floats value, int64_t count) {
  T lanes[kLanes];
  store(lanes, value);
  copy_lanes(target, lanes, count);
}

// Calls body(i, count) for each full vector of [0, size) with count = kLanes, then for the tail.
template <class Body>
inline void for_vectors(int64_t size, Body&& body) {
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) body(i, int64_t{kLanes});
  if (i < size) body(i, size - i);
}

template <class T>
inline Floats load_count(const T* source, int64_t count) {
  return count == kLanes ? load(source) : load_partial(source, count);
}

// Lanes from `count` on are `other`.
template <class T>
inline Floats load_count(const T* source, int64_t count, float other) {
  return count == kLanes ? load(source) : load_partial(source, count, splat(other));
}

template <class T>
inline void store_count(T* target, Floats value, int64_t count) {
  if (count == kLanes) {
    store(target, value);
  } else {
    store_partial(target, value, count);
  }
}

// The value with zeros in the lanes from `count` on.
inline Floats first_lanes(Floats value, int64_t count) {
  return first_lanes(count) ? value : Floats{};
}

// 16-bit words widened to 32 bits, and their lower halves stored.
inline Words load_halves(const uint16_t* source, int64_t count) {
  Halves halves{};
  std::memcpy(&halves, source, static_cast<size_t>(count) * sizeof(uint16_t));
  return __builtin_convertvector(halves, Words);
}

inline void store_halves(uint16_t* target, Words value, int64_t count) {
  const Halves halves = __builtin_convertvector(value, Halves);
  std::memcpy(target, &halves, static_cast<size_t>(count) * sizeof(uint16_t));
}

// Sums of lanes in a fixed, pairwise order.
inline float reduce_sum(Floats value) {
  float lanes[kLanes];
  store(lanes, value);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

inline float reduce_max(Floats value) {
  float lanes[kLanes];
  store(lanes, value);
  float result = lanes[0];
  for (int i = 1; i < kLanes; ++i) result = lanes[i] > result ? lanes[i] : result;
  return result;
}

inline Floats maximum(Floats a, Floats b) {
  return a > b ? a : b;
}
inline Floats minimum(Floats a, Floats b) {
  return a < b ? a : b;
}

inline Floats square_root(Floats value) {
  float lanes[kLanes];
  store(lanes, value);
  for (float& lane : lanes) lane = __builtin_sqrtf(lane);
  return load(lanes);
}

inline Floats absolute(Floats value) {
  return reinterpret_cast<Floats>(reinterpret_cast<Words>(value) & 0x7fffffffu);
}

// e^x = p * 2^n with a whole n, by Cody-Waite reduction and the degree-6 polynomial of Cephes'
// expf. What is beyond the range of float32 gives anything, and NaN a p that is NaN.
struct ExponentialParts {
  Floats p;
  Ints n;

  explicit ExponentialParts(Floats x) {
    const Floats magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
    const Floats rounded = (x * 1.44269504088896341f + magic) - magic;
    Floats r = x - rounded * 0.693359375f;
    r = r + rounded * 2.12194440e-4f;
    Floats q = splat(1.9875691500e-4f);
    q = q * r + 1.3981999507e-3f;
    q = q * r + 8.3334519073e-3f;
    q = q * r + 4.1665795894e-2f;
    q = q * r + 1.6666665459e-1f;
    q = q * r + 5.0000001201e-1f;
    p = q * r * r + r + 1.0f;
    n = __builtin_convertvector(rounded, Ints);
  }
};

// 2^n for -126 <= n <= 127.
inline Floats power_of_two(Ints n) {
  return reinterpret_cast<Floats>((reinterpret_cast<Words>(n) + 127u) << 23);
}

// e^x to about one unit in the last place; 0 below -87.3, +infinity above 88.7, NaN for NaN.
inline Floats exponential(Floats x) {
  const ExponentialParts parts(x);
  // 2^n in two factors: n = 128 alone would overflow the exponent field.
  const Ints half = parts.n >> 1;
  Floats result = parts.p * power_of_two(half) * power_of_two(parts.n - half);
  result = x < splat(-87.336544f) ? splat(0.0f) : result;
  return x > splat(88.72284f) ? splat(__builtin_inff()) : result;
}

// The same bits for x <= 0 in fewer instructions.
inline Floats exponential_of_negative(Floats x) {
  const ExponentialParts parts(x);
  return x < splat(-87.336544f) ? splat(0.0f) : parts.p * power_of_two(parts.n);
}

inline Floats hyperbolic_tangent(Floats x) {
  // Near 0 the odd polynomial of Cephes' tanhf; else by the exponential of what is not positive.
  const Floats square = x * x;
  Floats p = splat(-5.70498872745e-3f);
  p = p * square + 2.06390887954e-2f;
  p = p * square - 5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square - 3.33332819422e-1f;
  const Floats near = p * square * x + x;
  const Floats e = exponential_of_negative(-2.0f * absolute(x));
  const Floats magnitude = (1.0f - e) / (1.0f + e);
  const Floats far = x < 0.0f ? -magnitude : magnitude;
  return absolute(x) < 0.625f ? near : far;
}

}  // namespace leia::LEIA_ISA
