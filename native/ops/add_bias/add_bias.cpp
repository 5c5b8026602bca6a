#include "ops/add_bias/add_bias.h"

#include "core/tensor_text.h"

namespace leia {

namespace {

void check_rows(const char* name, const char* argument, const Tensor& tensor) {
  check_float(name, argument, tensor);
  require(tensor.shape.rank() >= 1, name, ": ", argument, " has shape ", tensor.shape,
          ", expected at least one dimension");
}

}  // namespace

void validate(const AddBias& op) {
  check_rows(op.kName, "input", op.input);
  check_shape(op.kName, "bias", op.bias, {op.input.shape[-1]});
  check_dtype(op.kName, "bias", op.bias, op.input.dtype);
  check_like(op.kName, "output", op.output, op.input);
  check_same_or_apart(op.kName, "output", op.output, "input", op.input);
  check_apart(op.kName, "output", op.output, "bias", op.bias);
}

void validate(const AddBiasBackward& op) {
  check_rows(op.kName, "grad_output", op.grad_output);
  check_shape(op.kName, "grad_bias", op.grad_bias, {op.grad_output.shape[-1]});
  check_dtype(op.kName, "grad_bias", op.grad_bias, DType::float32);
  check_apart(op.kName, "grad_bias", op.grad_bias, "grad_output", op.grad_output);
}

}  // namespace leia
