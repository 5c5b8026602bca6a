#include "ops/fill/fill.h"

namespace leia {

void validate(const Fill& op) {
  if (op.output.dtype != DType::int32) return;
  const bool exact = op.value >= -2147483648.0 && op.value <= 2147483647.0 &&
                     static_cast<double>(static_cast<int32_t>(op.value)) == op.value;
  require(exact, op.kName, ": value is ", op.value,
          ", expected a 32-bit integer for an int32 output");
}

}  // namespace leia
