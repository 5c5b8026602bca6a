#include "ops/slice/slice.h"

namespace leia {

void validate(const Slice& op) {
  check_slice(op.kName, "output", op.output, "input", op.input, op.dimension, op.start);
  check_apart(op.kName, "output", op.output, "input", op.input);
}

}  // namespace leia
