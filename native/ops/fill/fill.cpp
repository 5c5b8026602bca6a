#include "ops/fill/fill.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace leia {

namespace {

// float64 has the bounds of all but int64's upper one, 2^63 - 1; what is below 2^63 fits.
template <class Whole>
void check_whole(const Fill& op, const char* kind) {
  const double least = std::numeric_limits<Whole>::min();
  const double end = std::ldexp(1.0, std::numeric_limits<Whole>::digits);
  const bool exact = op.value >= least && op.value < end && std::trunc(op.value) == op.value;
  require(exact, op.kName, ": value is ", op.value, ", expected ", kind, " for an output of ",
          name_of(op.output.dtype));
}

}  // namespace

void validate(const Fill& op) {
  if (op.output.dtype == DType::int32) check_whole<int32_t>(op, "a 32-bit integer");
  if (op.output.dtype == DType::int64) check_whole<int64_t>(op, "a 64-bit integer");
  if (op.output.dtype == DType::uint8) check_whole<uint8_t>(op, "a whole number from 0 to 255");
}

uint64_t bits_of_value(const Fill& op) {
  uint64_t bits = 0;
  dispatch_any(op.output.dtype, [&](auto type) {
    using T = decltype(type);
    T value;
    if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(op.value);
    } else {
      value = from_float<T>(static_cast<float>(op.value));
    }
    std::memcpy(&bits, &value, sizeof(value));
  });
  return bits;
}

}  // namespace leia
