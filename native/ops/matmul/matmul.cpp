#include "ops/matmul/matmul.h"

#include "core/tensor_text.h"

namespace leia {

void validate(const Matmul& op) {
  check_float(op.kName, "a", op.a);
  check_dtype(op.kName, "b", op.b, op.a.dtype);
  require(op.a.shape.rank() >= 2, op.kName, ": a has shape ", op.a.shape,
          ", expected at least 2 dimensions");
  require(op.b.shape.rank() >= 2, op.kName, ": b has shape ", op.b.shape,
          ", expected at least 2 dimensions");
  if (op.batched) {
    Shape expected = op.a.shape;
    for (const int i : {-2, -1}) expected.set(expected.rank() + i, op.b.shape[i]);
    require(op.b.shape.rank() == 2 || op.b.shape == expected, op.kName, ": b has shape ",
            op.b.shape, ", expected the leading dimensions of a ", op.a.shape,
            " with batched, or no more than two dimensions");
  }
  require(op.b_k() == op.k(), op.kName, ": a", op.transpose_a ? " transposed" : "", " ", op.a.shape,
          " has K = ", op.k(), ", but b", op.transpose_b ? " transposed" : "", " ", op.b.shape,
          " has K = ", op.b_k());
  if (op.batched) {
    Shape expected = op.a.shape;
    if (op.transpose_a) expected.set(expected.rank() - 2, op.m());
    expected.set(expected.rank() - 1, op.n());
    check_shape(op.kName, "output", op.output, expected);
  }
  require(op.output.shape.rank() >= 1 && op.output.shape[-1] == op.n() &&
              op.output.elements() == op.batch() * op.m() * op.n(),
          op.kName, ": output has shape ", op.output.shape, ", expected ", op.m(), " rows of ",
          op.n());
  check_float(op.kName, "output", op.output);
  require(op.output.dtype == DType::float32 || op.a.dtype == DType::bfloat16, op.kName,
          ": output is bfloat16, expected float32 for float32 operands");
  if (op.bias) {
    check_shape(op.kName, "bias", op.bias, {op.n()});
    check_dtype(op.kName, "bias", op.bias, op.output.dtype);
    check_apart(op.kName, "output", op.output, "bias", op.bias);
  }
  check_apart(op.kName, "output", op.output, "a", op.a);
  check_apart(op.kName, "output", op.output, "b", op.b);
}

BinaryArguments bias_addition(const Matmul& op) {
  return {.a = op.output, .b = op.bias, .number = 0, .output = op.output};
}

}  // namespace leia
