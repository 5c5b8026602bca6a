#include "ops/top_k/top_k.h"

#include "core/tensor_text.h"

namespace leia {

namespace {

void check_rows(const char* operation, const char* name, const Tensor& tensor) {
  check_float(operation, name, tensor);
  require(tensor.shape.rank() >= 1 && tensor.shape[-1] <= INT32_MAX, operation, ": ", name,
          " has shape ", tensor.shape, ", expected rows of at most ", INT32_MAX, " elements");
}

// The shape with so many elements a row.
Shape with_row_size(Shape shape, int64_t size) {
  shape.set(shape.rank() - 1, size);
  return shape;
}

}  // namespace

void validate(const TopKForward& op) {
  check_rows(op.kName, "input", op.input);
  const int64_t size = op.input.shape[-1];
  require(op.k >= 1 && op.k <= size, op.kName, ": k is ", op.k, ", expected 1 to ", size,
          ", the elements of a row");
  check_shape(op.kName, "output", op.output, with_row_size(op.input.shape, op.k));
  check_dtype(op.kName, "output", op.output, op.input.dtype);
  check_shape(op.kName, "indices", op.indices, op.output.shape);
  check_dtype(op.kName, "indices", op.indices, DType::int32);
  check_apart(op.kName, "output", op.output, "input", op.input);
  check_apart(op.kName, "indices", op.indices, "input", op.input);
  check_apart(op.kName, "indices", op.indices, "output", op.output);
}

void validate(const TopKBackward& op) {
  check_rows(op.kName, "grad_input", op.grad_input);
  check_rows(op.kName, "grad_output", op.grad_output);
  const int64_t k = op.grad_output.shape[-1], size = op.grad_input.shape[-1];
  require(k >= 1 && k <= size, op.kName, ": grad_output has ", k, " elements a row, expected 1 to ",
          size, ", the elements of a row of grad_input");
  check_shape(op.kName, "grad_output", op.grad_output, with_row_size(op.grad_input.shape, k));
  check_dtype(op.kName, "grad_output", op.grad_output, op.grad_input.dtype);
  check_shape(op.kName, "indices", op.indices, op.grad_output.shape);
  check_dtype(op.kName, "indices", op.indices, DType::int32);
  check_apart(op.kName, "grad_input", op.grad_input, "grad_output", op.grad_output);
  check_apart(op.kName, "grad_input", op.grad_input, "indices", op.indices);
}

}  // namespace leia
