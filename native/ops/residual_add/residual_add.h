// output = a + b, element by element, added in float32. It is its own backward: gradients that meet
// at a residual connection are added with it.
#pragma once

#include "core/tensor.h"

namespace leia {

struct ResidualAdd {
  static constexpr const char* kName = "residual_add";
  Tensor a;       // any shape, float32 or bfloat16
  Tensor b;       // shape and dtype of a
  Tensor output;  // shape and dtype of a; may be a or b

  template <class Visit>
  void tensors(Visit&& visit) const {
    visit("a", a, Access::read);
    visit("b", b, Access::read);
    visit("output", output, Access::write);
  }
};

void validate(const ResidualAdd& operation);

}  // namespace leia
