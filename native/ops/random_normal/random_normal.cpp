#include "ops/random_normal/random_normal.h"

namespace leia {

void validate(const RandomNormal& op) {
  check_float(op.kName, "output", op.output);
  const double infinity = __builtin_inf();
  require(op.mean > -infinity && op.mean < infinity, op.kName, ": mean is ", op.mean,
          ", expected a finite number");
  require(op.standard_deviation >= 0 && op.standard_deviation < infinity, op.kName,
          ": standard_deviation is ", op.standard_deviation,
          ", expected a finite number of 0 or more");
  require(op.seed >= 0, op.kName, ": seed is ", op.seed, ", expected 0 or more");
  require(op.offset >= 0, op.kName, ": offset is ", op.offset, ", expected 0 or more");
}

}  // namespace leia
