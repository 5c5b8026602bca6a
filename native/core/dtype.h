// Element types of tensors, and bfloat16 as a storage type.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/error.h"

namespace leia {

enum class DType : uint8_t { float32, bfloat16, int32 };

constexpr size_t size_of(DType dtype) {
  return dtype == DType::bfloat16 ? 2 : 4;
}

constexpr const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return "float32";
    case DType::bfloat16:
      return "bfloat16";
    case DType::int32:
      return "int32";
  }
  return "unknown";
}

// The upper half of a float32: 8 exponent and 7 fraction bits. Arithmetic is done in float32.
struct bfloat16 {
  uint16_t bits;
};

inline float to_float(float value) {
  return value;
}
inline float to_float(bfloat16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

// Rounds to nearest, ties to even; a NaN stays a NaN.
inline bfloat16 to_bfloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t quiet = (bits >> 16) | 0x40u;
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return {static_cast<uint16_t>(nan ? quiet : rounded)};
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

}  // namespace leia
