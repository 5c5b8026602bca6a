#include "ops/concatenate/concatenate.h"

namespace leia {

void validate(const Concatenate& op) {
  require(!op.inputs.empty(), op.kName, ": inputs is empty, expected at least one tensor");
  const Tensor& first = op.inputs.front();
  check_dimension(op.kName, first, op.dimension);
  const int at = dimension_index(first.shape, op.dimension);
  int64_t total = 0;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    const Tensor& input = op.inputs[i];
    const std::string name = text("inputs[", i, "]");
    Shape expected = first.shape;
    if (input.shape.rank() == first.shape.rank())
      expected = with_size(expected, at, input.shape[at]);
    check_shape(op.kName, name.c_str(), input, expected);
    check_dtype(op.kName, name.c_str(), input, first.dtype);
    check_apart(op.kName, "output", op.output, name.c_str(), input);
    total += input.shape[at];
  }
  check_shape(op.kName, "output", op.output, with_size(first.shape, at, total));
  check_dtype(op.kName, "output", op.output, first.dtype);
}

}  // namespace leia
