#include "ops/where/where.h"

#include <cmath>

#include "core/broadcast.h"

namespace leia {

void validate(const Where& op) {
  check_dtype(op.kName, "condition", op.condition, DType::int32);
  check_number(op.kName, "output", op.output);
  const Shape both = broadcast_shape(op.kName, "a", op.a.shape, "b", op.b.shape);
  const Shape whole = broadcast_shape(op.kName, "condition", op.condition.shape, "a with b", both);
  check_shape(op.kName, "output", op.output, whole);
  const auto check_choice = [&](const char* name, const Tensor& choice, double number) {
    if (!choice) {
      const bool fits = std::trunc(number) == number && std::abs(number) < 0x1p31;
      require(op.output.dtype != DType::int32 || fits, op.kName, ": ", name, " is ", number,
              ", expected a 32-bit integer for an int32 output");
      return;
    }
    check_dtype(op.kName, name, choice, op.output.dtype);
    const auto check = choice.shape == whole ? check_same_or_apart : check_apart;
    check(op.kName, "output", op.output, name, choice);
  };
  check_choice("a", op.a, op.a_number);
  check_choice("b", op.b, op.b_number);
  check_apart(op.kName, "output", op.output, "condition", op.condition);
}

}  // namespace leia
