// The random numbers themselves, in arithmetic that has one result everywhere: integers, and
// float64 with only + - * / and sqrt, each rounded by itself. Compile what includes this file
// without contraction to fused multiply-add (-ffp-contract=off; for CUDA -fmad=false).
//
//   bits:     Philox4x32-10 (core/philox.h), key = seed, counter = (index / 4, 0), word index % 4
//   uniform:  u = (bits + 0.5) / 2^32, between 2^-33 and 1 - 2^-33
//   normal:   the inverse of the normal distribution at u by Wichura's algorithm AS 241 (PPND16,
//   1988),
//             exact to about 1e-15; |z| is at most 6.34
#pragma once

#include <bit>
#include <cstdint>

#include "core/philox.h"

namespace leia {

#if defined(__CUDA_ARCH__)
__device__ inline uint64_t words_of(double x) {
  return static_cast<uint64_t>(__double_as_longlong(x));
}
__device__ inline double double_of(uint64_t bits) {
  return __longlong_as_double(static_cast<long long>(bits));
}
__device__ inline double square_root_of(double x) {
  return __dsqrt_rn(x);
}
#else
inline uint64_t words_of(double x) {
  return std::bit_cast<uint64_t>(x);
}
inline double double_of(uint64_t bits) {
  return std::bit_cast<double>(bits);
}
inline double square_root_of(double x) {
  return __builtin_sqrt(x);
}
#endif

LEIA_EVERYWHERE inline uint32_t random_bits(uint64_t seed, uint64_t index) {
  return PhiloxWords(seed, index >> 2, 0).words[index & 3];
}

// log(x) of a positive, normal x: x = 2^e * m with m in [1, 2), halved above 1.4375 to be near 1,
// then log(m) = 2 * atanh(s) with s = (m - 1) / (m + 1), as its series up to s^23.
LEIA_EVERYWHERE inline double exact_order_log(double x) {
  const uint64_t bits = words_of(x);
  double exponent = static_cast<double>(static_cast<int64_t>(bits >> 52) - 1023);
  double m = double_of((bits & 0xfffffffffffffull) | 0x3ff0000000000000ull);
  if (m > 1.4375) {
    m = m * 0.5;
    exponent = exponent + 1;
  }
  const double s = (m - 1) / (m + 1), square = s * s;
  double series = 0;
  for (int k = 23; k >= 1; k -= 2) series = series * square + 1.0 / k;
  return exponent * 0.693147180559945309417 + 2 * s * series;
}

template <int N>
LEIA_EVERYWHERE double polynomial(const double (&coefficients)[N],
                                  double x) {  // highest power first
  double result = coefficients[0];
  for (int i = 1; i < N; ++i) result = result * x + coefficients[i];
  return result;
}

LEIA_EVERYWHERE inline double normal_value(uint64_t seed, uint64_t index) {
  constexpr double kCentre[] = {2509.0809287301226727, 33430.575583588128105, 67265.770927008700853,
                                45921.953931549871457, 13731.693765509461125, 1971.5909503065514427,
                                133.14166789178437745, 3.387132872796366608};
  constexpr double kCentreDivisor[] = {
      5226.495278852545925,  28729.085735721942674, 39307.89580009271061,  21213.794301586595867,
      5394.1960214247511077, 687.1870074920579083,  42.313330701600911252, 1.0};
  constexpr double kTail[] = {7.7454501427834140764e-4, .0227238449892691845833,
                              .24178072517745061177,    1.27045825245236838258,
                              3.64784832476320460504,   5.7694972214606914055,
                              4.6303378461565452959,    1.42343711074968357734};
  constexpr double kTailDivisor[] = {1.05075007164441684324e-9, 5.475938084995344946e-4,
                                     .0151986665636164571966,   .14810397642748007459,
                                     .68976733498510000455,     1.6763848301838038494,
                                     2.05319162663775882187,    1.0};
  const double u = (static_cast<double>(random_bits(seed, index)) + 0.5) * 0x1p-32;
  const double q = u - 0.5;
  if (q >= -0.425 && q <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(kCentre, r) / polynomial(kCentreDivisor, r);
  }
  const double r = square_root_of(-exact_order_log(q < 0 ? u : 1 - u)) - 1.6;
  const double z = polynomial(kTail, r) / polynomial(kTailDivisor, r);
  return q < 0 ? -z : z;
}

LEIA_EVERYWHERE inline float random_normal_value(uint64_t seed, uint64_t index, double mean,
                                                 double standard_deviation) {
  return static_cast<float>(mean + standard_deviation * normal_value(seed, index));
}

}  // namespace leia
