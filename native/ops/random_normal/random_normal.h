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

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("output", self.output, Access::write);
    visit("mean", self.mean);
    visit("standard_deviation", self.standard_deviation);
    visit("seed", self.seed);
    visit("offset", self.offset);
  }
};

void validate(const RandomNormal& operation);

}  // namespace leia
