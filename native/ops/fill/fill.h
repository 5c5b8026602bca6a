// output[i] = value, for every element; the value is rounded to the output's dtype.
#pragma once

#include "core/tensor.h"

namespace leia {

struct Fill {
  static constexpr const char* kName = "fill";
  Tensor output;  // any shape, any dtype
  double value;   // one of its whole numbers for int32, int64 and uint8

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("output", self.output, Access::write);
    visit("value", self.value);
  }
};

void validate(const Fill& operation);

// The value in the output's dtype, in as many of the lowest bytes as that takes.
uint64_t bits_of_value(const Fill& operation);

}  // namespace leia
