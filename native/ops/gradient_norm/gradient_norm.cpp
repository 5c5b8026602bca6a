#include "ops/gradient_norm/gradient_norm.h"

namespace leia {

void validate(const GradientNorm& op) {
  require(!op.gradients.empty(), op.kName, ": gradients is empty, expected at least one tensor");
  require(op.max_norm > 0, op.kName, ": max_norm is ", op.max_norm, ", expected more than 0");
  for (const auto& [name, output] : {std::pair{"norm", op.norm}, std::pair{"scale", op.scale}}) {
    check_shape(op.kName, name, output, {1});
    check_dtype(op.kName, name, output, DType::float32);
  }
  check_apart(op.kName, "scale", op.scale, "norm", op.norm);
  for (size_t i = 0; i < op.gradients.size(); ++i) {
    const std::string name = text("gradients[", i, "]");
    check_dtype(op.kName, name.c_str(), op.gradients[i], DType::float32);
    check_apart(op.kName, "norm", op.norm, name.c_str(), op.gradients[i]);
    check_apart(op.kName, "scale", op.scale, name.c_str(), op.gradients[i]);
  }
}

}  // namespace leia
