// output[i] = input[i], rounded to the output's dtype: to nearest, ties to even. The same dtype
// gives a copy; int32 only copies.
#pragma once

#include "core/tensor.h"

namespace leia {

struct Cast {
  static constexpr const char* kName = "cast";
  Tensor input;   // any shape, any dtype
  Tensor output;  // shape of input; float32 or bfloat16, or int32 like input

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("output", self.output, Access::write);
  }
};

void validate(const Cast& operation);

}  // namespace leia
