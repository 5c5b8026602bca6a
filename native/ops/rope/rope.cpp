#include "ops/rope/rope.h"

namespace leia {

namespace {

struct Named {
  const char* name;
  const Tensor& tensor;
};

void check(const char* operation, Named input, const Tensor& cos, const Tensor& sin,
           const Tensor& positions, Named output) {
  const Shape& shape = input.tensor.shape;
  check_float(operation, input.name, input.tensor);
  check_rank(operation, input.name, input.tensor, 4);
  require(shape[3] % 2 == 0, operation, ": ", input.name, " has heads of size ", shape[3],
          ", expected an even size");
  check_rank(operation, "cos", cos, 2);
  check_shape(operation, "cos", cos, {cos.shape[0], shape[3] / 2});
  check_dtype(operation, "cos", cos, DType::float32);
  check_shape(operation, "sin", sin, cos.shape);
  check_dtype(operation, "sin", sin, DType::float32);
  if (positions) {
    check_shape(operation, "positions", positions, {shape[0], shape[1]});
    check_dtype(operation, "positions", positions, DType::int32);
  } else {
    require(shape[1] <= cos.shape[0], operation, ": ", input.name, " has ", shape[1],
            " positions, but cos and sin have only ", cos.shape[0], " rows");
  }
  check_like(operation, output.name, output.tensor, input.tensor);
  check_same_or_apart(operation, output.name, output.tensor, input.name, input.tensor);
  check_apart(operation, output.name, output.tensor, "cos", cos);
  check_apart(operation, output.name, output.tensor, "sin", sin);
  check_apart(operation, output.name, output.tensor, "positions", positions);
}

}  // namespace

std::string bad_position(const Tensor& positions, int64_t element, int32_t value, int64_t rows) {
  return text("position ", value, " at ", position_of(positions.shape, element),
              " is not a row of cos and sin, expected 0 to ", rows - 1);
}

void validate(const RopeForward& op) {
  check(op.kName, {"input", op.input}, op.cos, op.sin, op.positions, {"output", op.output});
}

void validate(const RopeBackward& op) {
  check(op.kName, {"grad_output", op.grad_output}, op.cos, op.sin, op.positions,
        {"grad_input", op.grad_input});
}

}  // namespace leia
