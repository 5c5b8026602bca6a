#include "ops/rms_norm/rms_norm.h"

#include "core/tensor_text.h"

namespace leia {

namespace {

void check_inputs(const char* name, const Tensor& input, const Tensor& weight,
                  const Tensor& inverse_rms) {
  check_float(name, "input", input);
  require(input.shape.rank() >= 1 && input.shape[-1] > 0, name, ": input has shape ", input.shape,
          ", expected at least one element a row");
  check_shape(name, "weight", weight, {input.shape[-1]});
  check_dtype(name, "weight", weight, input.dtype);
  check_shape(name, "inverse_rms", inverse_rms, {input.rows()});
  check_dtype(name, "inverse_rms", inverse_rms, DType::float32);
}

}  // namespace

void validate(const RmsNormForward& op) {
  check_inputs(op.kName, op.input, op.weight, op.inverse_rms);
  check_like(op.kName, "output", op.output, op.input);
  require(op.epsilon >= 0, op.kName, ": epsilon is ", op.epsilon, ", expected 0 or more");
  check_same_or_apart(op.kName, "output", op.output, "input", op.input);
  check_apart(op.kName, "output", op.output, "weight", op.weight);
  require(static_cast<bool>(op.residual) == static_cast<bool>(op.sum), op.kName,
          ": expected residual and sum both, or neither");
  if (op.sum) {
    check_like(op.kName, "residual", op.residual, op.input);
    check_like(op.kName, "sum", op.sum, op.input);
    check_same_or_apart(op.kName, "sum", op.sum, "input", op.input);
    check_same_or_apart(op.kName, "sum", op.sum, "residual", op.residual);
    check_apart(op.kName, "sum", op.sum, "weight", op.weight);
    check_apart(op.kName, "output", op.output, "sum", op.sum);
    check_apart(op.kName, "output", op.output, "residual", op.residual);
    check_apart(op.kName, "inverse_rms", op.inverse_rms, "residual", op.residual);
    check_apart(op.kName, "inverse_rms", op.inverse_rms, "sum", op.sum);
  }
  check_apart(op.kName, "inverse_rms", op.inverse_rms, "input", op.input);
  check_apart(op.kName, "inverse_rms", op.inverse_rms, "weight", op.weight);
  check_apart(op.kName, "inverse_rms", op.inverse_rms, "output", op.output);
}

void validate(const RmsNormBackward& op) {
  check_inputs(op.kName, op.input, op.weight, op.inverse_rms);
  check_like(op.kName, "grad_output", op.grad_output, op.input);
  check_like(op.kName, "grad_input", op.grad_input, op.input);
  check_same_or_apart(op.kName, "grad_input", op.grad_input, "grad_output", op.grad_output);
  check_same_or_apart(op.kName, "grad_input", op.grad_input, "input", op.input);
  if (op.grad_sum) {
    check_like(op.kName, "grad_sum", op.grad_sum, op.input);
    check_same_or_apart(op.kName, "grad_input", op.grad_input, "grad_sum", op.grad_sum);
  }
  check_apart(op.kName, "grad_input", op.grad_input, "weight", op.weight);
  check_apart(op.kName, "grad_input", op.grad_input, "inverse_rms", op.inverse_rms);
  if (!op.grad_weight) return;
  check_shape(op.kName, "grad_weight", op.grad_weight, {op.input.shape[-1]});
  check_dtype(op.kName, "grad_weight", op.grad_weight, DType::float32);
  visit_tensors(op, [&](const char* name, const Tensor& tensor, Access) {
    if (&tensor == &op.grad_weight) return;
    check_apart(op.kName, "grad_weight", op.grad_weight, name, tensor);
  });
}

}  // namespace leia
