#include "ops/adamw/adamw.h"

namespace leia {

namespace {

void check_numbers(const AdamW& op) {
  const auto check = [&](const char* name, double value, bool good, const char* expected) {
    require(good, op.kName, ": ", name, " is ", value, ", expected ", expected);
  };
  const auto at_least_0 = [&](const char* name, double value) {
    check(name, value, value >= 0 && value < __builtin_inf(), "a finite number of 0 or more");
  };
  const auto fraction = [&](const char* name, double value) {
    check(name, value, value >= 0 && value < 1, "0 or more and less than 1");
  };
  at_least_0("learning_rate", op.learning_rate);
  fraction("beta1", op.beta1);
  fraction("beta2", op.beta2);
  at_least_0("epsilon", op.epsilon);
  at_least_0("weight_decay", op.weight_decay);
  require(op.step >= 1, op.kName, ": step is ", op.step, ", expected 1 or more");
}

}  // namespace

void validate(const AdamW& op) {
  check_float(op.kName, "parameter", op.parameter);
  const Shape& shape = op.parameter.shape;
  if (op.parameter.dtype == DType::bfloat16) {
    require(static_cast<bool>(op.remainder), op.kName,
            ": parameter is bfloat16, expected a remainder with its lower 16 bits");
    check_shape(op.kName, "remainder", op.remainder, shape);
    check_dtype(op.kName, "remainder", op.remainder, DType::bfloat16);
  } else {
    require(!op.remainder, op.kName, ": remainder given with a float32 parameter, expected none");
  }
  const std::pair<const char*, const Tensor&> floats[] = {{"gradient", op.gradient},
                                                          {"first_moment", op.first_moment},
                                                          {"second_moment", op.second_moment}};
  for (const auto& [name, tensor] : floats) {
    check_shape(op.kName, name, tensor, shape);
    check_dtype(op.kName, name, tensor, DType::float32);
  }
  if (op.gradient_scale) {
    check_shape(op.kName, "gradient_scale", op.gradient_scale, {1});
    check_dtype(op.kName, "gradient_scale", op.gradient_scale, DType::float32);
  }
  check_numbers(op);
  op.tensors([&](const char* name, const Tensor& tensor) {
    op.tensors([&](const char* other_name, const Tensor& other) {
      if (&tensor != &other) check_apart(op.kName, name, tensor, other_name, other);
    });
  });
}

}  // namespace leia
