// output[i] = input[i] in the output's dtype; the same dtype gives a copy.
//
//   to a float dtype      rounded to nearest, ties to even; what is too large becomes infinity.
//                         Whole numbers are rounded to float32 first
//   to a whole number     rounded toward zero; what the dtype does not hold fails the stream with
//                         its position, NaN too (PyTorch takes whole numbers modulo 2^bits, and
//                         says nothing of floats)
#pragma once

#include <type_traits>

#include "core/everywhere.h"
#include "core/tensor.h"

namespace leia {

struct Cast {
  static constexpr const char* kName = "cast";
  Tensor input;   // any shape, any dtype
  Tensor output;  // shape of input, any dtype

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("output", self.output, Access::write);
  }
};

void validate(const Cast& operation);

// What is said of a number that the output's dtype does not hold: `bits` are those of the number
// itself if it is int32, of the number as float32 if it is a float.
std::string bad_number(const Cast& operation, int64_t element, int32_t bits);

// Whether a whole number of type To holds a number, rounded toward zero if it is a float. Floats
// come as float32, which has all of the bounds.
template <class To, class From>
LEIA_EVERYWHERE bool holds_number(From value) {
  if constexpr (std::is_same_v<From, float>) {
    if constexpr (std::is_same_v<To, uint8_t>) return value > -1.0f && value < 256.0f;
    constexpr float kEnd = sizeof(To) == 4 ? 0x1p31f : 0x1p63f;
    return value >= -kEnd && value < kEnd;
  } else if constexpr (sizeof(From) <= sizeof(To) && sizeof(To) > 1) {
    return true;
  } else {
    return value == static_cast<From>(static_cast<To>(value));
  }
}

// Whether numbers of type From may be some that To does not hold.
template <class To, class From>
constexpr bool kMayNotHold =
    std::is_integral_v<To> && !(std::is_integral_v<From> && sizeof(From) < sizeof(To));

}  // namespace leia
