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
  const int64_t b_k = op.transpose_b ? op.b.shape[-1] : op.b.rows();
  require(b_k == op.k(), op.kName, ": a", op.transpose_a ? " transposed" : "", " ", op.a.shape,
          " has K = ", op.k(), ", but b", op.transpose_b ? " transposed" : "", " ", op.b.shape,
          " has K = ", b_k);
  require(op.output.shape.rank() >= 1 && op.output.shape[-1] == op.n() &&
              op.output.elements() == op.m() * op.n(),
          op.kName, ": output has shape ", op.output.shape, ", expected ", op.m(), " rows of ",
          op.n());
  check_float(op.kName, "output", op.output);
  require(op.output.dtype == DType::float32 || op.a.dtype == DType::bfloat16, op.kName,
          ": output is bfloat16, expected float32 for float32 operands");
  check_apart(op.kName, "output", op.output, "a", op.a);
  check_apart(op.kName, "output", op.output, "b", op.b);
}

}  // namespace leia
