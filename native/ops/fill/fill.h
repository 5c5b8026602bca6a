// output[i] = value, for every element; the value is rounded to the output's dtype.
#pragma once

#include "core/tensor.h"

namespace leia {

struct Fill {
  static constexpr const char* kName = "fill";
  Tensor output;  // any shape, any dtype
  double value;   // an exact integer for int32

  template <class Visit>
  void tensors(Visit&& visit) const {
    visit("output", output, Access::write);
  }
};

void validate(const Fill& operation);

}  // namespace leia
