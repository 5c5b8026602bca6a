// output[i] = value, for every element; the value is rounded to the output's dtype.
#pragma once

#include "core/tensor.h"

namespace leia {

struct Fill {
  static constexpr const char* kName = "fill";
  Tensor output;  // any shape, any dtype
  double value;   // an exact integer for int32

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("output", self.output, Access::write);
    visit("value", self.value);
  }
};

void validate(const Fill& operation);

}  // namespace leia
