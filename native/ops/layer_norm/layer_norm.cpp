#include "ops/layer_norm/layer_norm.h"

#include "core/tensor_text.h"

namespace leia {

namespace {

template <class Operation>
void check_inputs(const Operation& op) {
  check_float(op.kName, "input", op.input);
  require(op.input.shape.rank() >= 1 && op.input.shape[-1] > 0, op.kName, ": input has shape ",
          op.input.shape, ", expected at least one element a row");
  check_shape(op.kName, "weight", op.weight, {op.input.shape[-1]});
  check_dtype(op.kName, "weight", op.weight, op.input.dtype);
  check_shape(op.kName, "mean", op.mean, {op.input.rows()});
  check_dtype(op.kName, "mean", op.mean, DType::float32);
  check_shape(op.kName, "inverse_deviation", op.inverse_deviation, {op.input.rows()});
  check_dtype(op.kName, "inverse_deviation", op.inverse_deviation, DType::float32);
}

// The output shares memory with no other argument.
template <class Operation>
void check_alone(const Operation& op, const char* output, const Tensor& own) {
  visit_tensors(op, [&](const char* name, const Tensor& tensor, Access) {
    if (&tensor == &own || !tensor) return;
    check_apart(op.kName, output, own, name, tensor);
  });
}

void check_parameter_gradient(const LayerNormBackward& op, const char* name,
                              const Tensor& gradient) {
  check_shape(op.kName, name, gradient, {op.input.shape[-1]});
  check_dtype(op.kName, name, gradient, DType::float32);
  check_alone(op, name, gradient);
}

}  // namespace

void validate(const LayerNormForward& op) {
  check_inputs(op);
  require(op.epsilon >= 0, op.kName, ": epsilon is ", op.epsilon, ", expected 0 or more");
  check_like(op.kName, "output", op.output, op.input);
  check_same_or_apart(op.kName, "output", op.output, "input", op.input);
  check_apart(op.kName, "output", op.output, "weight", op.weight);
  if (op.bias) {
    check_shape(op.kName, "bias", op.bias, {op.input.shape[-1]});
    check_dtype(op.kName, "bias", op.bias, op.input.dtype);
    check_apart(op.kName, "output", op.output, "bias", op.bias);
  }
  check_alone(op, "mean", op.mean);
  check_alone(op, "inverse_deviation", op.inverse_deviation);
}

void validate(const LayerNormBackward& op) {
  check_inputs(op);
  check_like(op.kName, "grad_output", op.grad_output, op.input);
  check_like(op.kName, "grad_input", op.grad_input, op.input);
  check_same_or_apart(op.kName, "grad_input", op.grad_input, "grad_output", op.grad_output);
  check_same_or_apart(op.kName, "grad_input", op.grad_input, "input", op.input);
  check_apart(op.kName, "grad_input", op.grad_input, "weight", op.weight);
  check_apart(op.kName, "grad_input", op.grad_input, "mean", op.mean);
  check_apart(op.kName, "grad_input", op.grad_input, "inverse_deviation", op.inverse_deviation);
  if (op.grad_weight) check_parameter_gradient(op, "grad_weight", op.grad_weight);
  if (op.grad_bias) check_parameter_gradient(op, "grad_bias", op.grad_bias);
}

}  // namespace leia
