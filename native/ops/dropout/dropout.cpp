#include "ops/dropout/dropout.h"

namespace leia {

void validate(const Dropout& op) {
  check_float(op.kName, "input", op.input);
  require(op.p >= 0 && op.p < 1, op.kName, ": p is ", op.p, ", expected 0 or more and less than 1");
  require(op.seed >= 0, op.kName, ": seed is ", op.seed, ", expected 0 or more");
  require(op.offset >= 0, op.kName, ": offset is ", op.offset, ", expected 0 or more");
  check_like(op.kName, "output", op.output, op.input);
  check_same_or_apart(op.kName, "output", op.output, "input", op.input);
}

}  // namespace leia
