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

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("a", self.a, Access::read);
    visit("b", self.b, Access::read);
    visit("output", self.output, Access::write);
  }
};

void validate(const ResidualAdd& operation);

}  // namespace leia
