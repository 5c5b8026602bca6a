#include "ops/write_slice/write_slice.h"

namespace leia {

void validate(const WriteSlice& op) {
  check_slice(op.kName, "input", op.input, "output", op.output, op.dimension, op.start);
  if (op.accumulate) check_float(op.kName, "output", op.output);
  check_apart(op.kName, "output", op.output, "input", op.input);
}

StridedCopy copy_of(const WriteSlice& op) {
  StridedCopy copy = copy_to_slice(op.input, op.output, op.dimension, op.start);
  copy.accumulate = op.accumulate;
  return copy;
}

}  // namespace leia
