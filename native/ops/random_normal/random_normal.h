// output[i] = mean + standard_deviation * z(seed, offset + i), where z is normally distributed and
// depends on nothing but its arguments: see random_normal_value.h. Every device gives the same
// float32 values, bit for bit; they are then rounded to the output's dtype.
#pragma once

#include "core/tensor.h"

namespace leia {

struct RandomNormal {
  static constexpr const char* kName = "random_normal";
  Tensor output;  // any shape, float32 or bfloat16
  double mean, standard_deviation;
  int64_t seed, offset;  // 0 to 2^53 - 1

  template <class Visit>
  void tensors(Visit&& visit) const {
    visit("output", output, Access::write);
  }
};

void validate(const RandomNormal& operation);

}  // namespace leia
