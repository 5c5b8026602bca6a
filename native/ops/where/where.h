// output = condition != 0 ? a : b, element by element; the shapes of all three are broadcast
// (core/broadcast.h). It is its own backward: what arrives at a is where(condition, grad_output,
// 0), summed over what was stretched, and at b the other way round.
#pragma once

#include <type_traits>

#include "core/tensor.h"

namespace leia {

// Each of a and b may be left out: its number stands for it, rounded to the output's dtype.
struct Where {
  static constexpr const char* kName = "where";
  Tensor condition;  // int32, a shape that broadcasts with the others
  Tensor a;          // any shape; float32, bfloat16 or int32
  double a_number;
  Tensor b;  // dtype of a, a shape that broadcasts with the others
  double b_number;
  Tensor output;  // dtype of a and b; the shape that all stretch to; may be one of a and b

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("condition", self.condition, Access::read);
    visit("a", self.a, Access::read, kOptional);
    visit("a_number", self.a_number);
    visit("b", self.b, Access::read, kOptional);
    visit("b_number", self.b_number);
    visit("output", self.output, Access::write);
  }
};

void validate(const Where& operation);

// The number as a value of the output.
template <class T>
T number_as_value(double number) {
  if constexpr (std::is_same_v<T, int32_t>) {
    return static_cast<int32_t>(number);
  } else {
    return from_float<T>(static_cast<float>(number));
  }
}

}  // namespace leia
