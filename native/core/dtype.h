// Element types of tensors, and bfloat16 and float16 as storage types.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/error.h"

namespace leia {

// Operations compute in the first two and count in int32. The others are how files store numbers:
// they are copied and cast, and every other operation refuses them.
enum class DType : uint8_t { float32, bfloat16, float16, int32, int64, uint8 };

constexpr DType kDTypes[] = {DType::float32, DType::bfloat16, DType::float16,
                             DType::int32,   DType::int64,    DType::uint8};

constexpr size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
    case DType::int32:
      return 4;
    case DType::bfloat16:
    case DType::float16:
      return 2;
    case DType::int64:
      return 8;
    case DType::uint8:
      return 1;
  }
  return 0;
}

constexpr const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return "float32";
    case DType::bfloat16:
      return "bfloat16";
    case DType::float16:
      return "float16";
    case DType::int32:
      return "int32";
    case DType::int64:
      return "int64";
    case DType::uint8:
      return "uint8";
  }
  return "unknown";
}

// The upper half of a float32: 8 exponent and 7 fraction bits. Arithmetic is done in float32.
struct bfloat16 {
  uint16_t bits;
};

// IEEE 754 binary16: 5 exponent and 10 fraction bits. Only stored; nothing computes in it.
struct float16 {
  uint16_t bits;
};

inline float to_float(float value) {
  return value;
}
inline float to_float(bfloat16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

// Exact. In a float32's place the bits mean 2^-112 times the number, subnormal or not.
inline float to_float(float16 value) {
  const uint32_t sign = static_cast<uint32_t>(value.bits & 0x8000u) << 16;
  const uint32_t magnitude = static_cast<uint32_t>(value.bits & 0x7fffu) << 13;
  const uint32_t scaled = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f);
  const bool finite = magnitude < 0x0f800000u;
  return std::bit_cast<float>(sign | (finite ? scaled : magnitude | 0x7f800000u));
}

// Rounds to nearest, ties to even; a NaN stays a NaN.
inline bfloat16 to_bfloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t quiet = (bits >> 16) | 0x40u;
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return {static_cast<uint16_t>(nan ? quiet : rounded)};
}

// Rounds to nearest, ties to even; 65520 and more become infinity; a NaN stays a NaN.
inline float16 to_float16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & 0x7fffffffu;
  uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u;
  } else if (magnitude >= 0x477ff000u) {
    half = 0x7c00u;
  } else if (magnitude >= 0x38800000u) {
    // 13 fraction bits go, and the exponent's bias is 15 instead of 127.
    half = ((magnitude + 0xfffu + ((magnitude >> 13) & 1u)) >> 13) - (112u << 10);
  } else {
    // Below 2^-14: the sum with 0.5 has the unit of subnormal numbers, 2^-24.
    half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  }
  return {static_cast<uint16_t>((bits >> 16 & 0x8000u) | half)};
}

template <class T>
T from_float(float value);
template <>
inline float from_float<float>(float value) {
  return value;
}
template <>
inline bfloat16 from_float<bfloat16>(float value) {
  return to_bfloat16(value);
}

template <>
inline float16 from_float<float16>(float value) {
  return to_float16(value);
}

template <class T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() {
  return DType::float32;
}
template <>
constexpr DType dtype_of<bfloat16>() {
  return DType::bfloat16;
}
template <>
constexpr DType dtype_of<int32_t>() {
  return DType::int32;
}

// Calls visit with a value of the C++ type of a floating-point dtype: the way from a run-time dtype
// to a kernel template.
template <class Visit>
void dispatch_float(DType dtype, Visit&& visit) {
  if (dtype == DType::float32) {
    visit(float{});
  } else if (dtype == DType::bfloat16) {
    visit(bfloat16{});
  } else {
    fail("argument", text("expected float32 or bfloat16, got ", name_of(dtype)));
  }
}

// The same for any dtype.
template <class Visit>
void dispatch_any(DType dtype, Visit&& visit) {
  switch (dtype) {
    case DType::float32:
      return visit(float{});
    case DType::bfloat16:
      return visit(bfloat16{});
    case DType::float16:
      return visit(float16{});
    case DType::int32:
      return visit(int32_t{});
    case DType::int64:
      return visit(int64_t{});
    case DType::uint8:
      return visit(uint8_t{});
  }
}

// The same for the dtypes that operations compute and count in.
template <class Visit>
void dispatch_number(DType dtype, Visit&& visit) {
  if (dtype == DType::int32) return visit(int32_t{});
  dispatch_float(dtype, visit);
}

// Calls visit with a word of the dtype's size: for what moves numbers and does not look at them.
template <class Visit>
void dispatch_size(DType dtype, Visit&& visit) {
  switch (size_of(dtype)) {
    case 1:
      return visit(uint8_t{});
    case 2:
      return visit(uint16_t{});
    case 4:
      return visit(uint32_t{});
    default:
      return visit(uint64_t{});
  }
}

}  // namespace leia
