// The inner product of matmul and attention, compiled once per instruction set by cpu/each_isa.h:
// a tile of Rows x 2 vectors of the result in registers, over operands packed so that each step of
// k reads them in order.
namespace leia::LEIA_ISA {

constexpr int64_t kTileColumns = 2 * kLanes;

// c[r, v] (+)= sum_k a[k, r] * b[k, v] for r < Rows and v < kTileColumns. a is packed [depth,
// Rows], b [depth, kTileColumns], c has rows of `stride` floats.
template <int Rows>
inline void multiply_tile(const float* a, const float* b, int64_t depth, float* c, int64_t stride,
                          bool accumulate) {
  Floats sums[Rows][2];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    sums[r][0] = accumulate ? load(c + r * stride) : Floats{};
    sums[r][1] = accumulate ? load(c + r * stride + kLanes) : Floats{};
  }
  for (int64_t k = 0; k < depth; ++k) {
    const Floats b0 = load(b), b1 = load(b + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      sums[r][0] += a[r] * b0;
      sums[r][1] += a[r] * b1;
    }
    a += Rows;
    b += kTileColumns;
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    store(c + r * stride, sums[r][0]);
    store(c + r * stride + kLanes, sums[r][1]);
  }
}

#ifdef LEIA_ISA_AVX512
// The same for bfloat16 operands with AVX512-BF16: a and b hold pairs of consecutive k in 32 bits,
// `depth` counts pairs. Only called where has_bf16_dot() holds.
template <int Rows>
__attribute__((target("avx512bf16"))) inline void multiply_tile_pairs(const uint32_t* a,
                                                                      const uint32_t* b,
                                                                      int64_t depth, float* c,
                                                                      int64_t stride,
                                                                      bool accumulate) {
  __m512 sums[Rows][2];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    sums[r][0] = accumulate ? _mm512_loadu_ps(c + r * stride) : _mm512_setzero_ps();
    sums[r][1] = accumulate ? _mm512_loadu_ps(c + r * stride + kLanes) : _mm512_setzero_ps();
  }
  for (int64_t k = 0; k < depth; ++k) {
    const __m512bh b0 = (__m512bh)_mm512_loadu_si512(b);
    const __m512bh b1 = (__m512bh)_mm512_loadu_si512(b + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const __m512bh ar = (__m512bh)_mm512_set1_epi32(static_cast<int>(a[r]));
      sums[r][0] = _mm512_dpbf16_ps(sums[r][0], ar, b0);
      sums[r][1] = _mm512_dpbf16_ps(sums[r][1], ar, b1);
    }
    a += Rows;
    b += kTileColumns;
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    _mm512_storeu_ps(c + r * stride, sums[r][0]);
    _mm512_storeu_ps(c + r * stride + kLanes, sums[r][1]);
  }
}
#endif

}  // namespace leia::LEIA_ISA
