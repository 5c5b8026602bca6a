#include "ops/cast/cast.h"

#include <bit>

namespace leia {

void validate(const Cast& op) {
  check_shape(op.kName, "output", op.output, op.input.shape);
  check_apart(op.kName, "output", op.output, "input", op.input);
}

std::string bad_number(const Cast& op, int64_t element, int32_t bits) {
  std::string number = "a number";
  if (op.input.dtype == DType::int32) number = text(bits);
  if (op.input.dtype != DType::int32 && op.input.dtype != DType::int64) {
    number = text(std::bit_cast<float>(bits));
  }
  return text("input has ", number, " at position ", position_of(op.input.shape, element),
              ", expected numbers that ", name_of(op.output.dtype), " holds");
}

}  // namespace leia
