#include "ops/adamw/adamw.h"

#include "ops/adamw/adamw_rounding.h"

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
  const auto whole = [&](const char* name, int64_t value, int64_t least) {
    require(value >= least, op.kName, ": ", name, " is ", value, ", expected ", least, " or more");
  };
  whole("step", op.step, 1);
  whole("seed", op.seed, 0);
  whole("first_parameter", op.first_parameter, 0);
  const size_t count = op.first_elements.size();
  require(count == 0 || count == op.parameters.size(), op.kName, ": first_elements has ", count,
          " numbers, expected none or ", op.parameters.size(), ", one for each of parameters");
  for (const int64_t first : op.first_elements) {
    require(first >= 0 && first % kElementsPerCall == 0, op.kName, ": first_elements has ", first,
            ", expected multiples of ", kElementsPerCall);
  }
}

// One tensor of that dtype for every parameter, of its shape.
void check_list(const AdamW& op, const char* list, const std::vector<Tensor>& tensors,
                DType dtype) {
  require(tensors.size() == op.parameters.size(), op.kName, ": ", list, " has ", tensors.size(),
          " tensors, expected ", op.parameters.size(), ", one for each of parameters");
  for (size_t i = 0; i < tensors.size(); ++i) {
    const std::string name = text(list, "[", i, "]");
    check_shape(op.kName, name.c_str(), tensors[i], op.parameters[i].shape);
    check_dtype(op.kName, name.c_str(), tensors[i], dtype);
  }
}

}  // namespace

void validate(const AdamW& op) {
  require(!op.parameters.empty(), op.kName, ": parameters is empty, expected at least one tensor");
  const DType dtype = op.parameters[0].dtype;
  const bool split = dtype == DType::bfloat16;
  for (size_t i = 0; i < op.parameters.size(); ++i) {
    const std::string name = text("parameters[", i, "]");
    check_float(op.kName, name.c_str(), op.parameters[i]);
    check_dtype(op.kName, name.c_str(), op.parameters[i], dtype);
  }
  require(split || op.master_low_bits.empty(), op.kName,
          ": master_low_bits given with float32 parameters, expected none");
  require(!split || !op.master_low_bits.empty(), op.kName,
          ": parameters are bfloat16, expected master_low_bits with their lower 16 bits");
  if (split) check_list(op, "master_low_bits", op.master_low_bits, DType::bfloat16);
  check_list(op, "gradients", op.gradients, DType::float32);
  const bool half = !op.first_moments.empty() && op.first_moments[0].dtype == DType::bfloat16;
  const DType of_moments = half ? DType::bfloat16 : DType::float32;
  check_list(op, "first_moments", op.first_moments, of_moments);
  check_list(op, "second_moments", op.second_moments, of_moments);
  if (op.gradient_scale) {
    check_shape(op.kName, "gradient_scale", op.gradient_scale, {1});
    check_dtype(op.kName, "gradient_scale", op.gradient_scale, DType::float32);
  }
  check_numbers(op);
  std::vector<NamedTensor> all;
  visit_tensors(op, [&](const char* name, const Tensor& tensor, Access) {
    if (tensor) all.push_back({name, tensor});
  });
  check_all_apart(op.kName, std::move(all));
}

}  // namespace leia
