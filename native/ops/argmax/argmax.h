// Where the highest element over one dimension is, of a tensor taken as [outer, size, inner]:
//
//   indices[o, i] = the first s with the highest input[o, s, i]
//
// The kernels are those of the maximum (ops/max); NaN is above all numbers here too.
#pragma once

#include "core/reduced_dimension.h"

namespace leia {

struct Argmax {
  static constexpr const char* kName = "argmax";
  Tensor input;    // [outer..., size, inner...], float32 or bfloat16
  Tensor indices;  // [outer..., inner...] or [outer..., 1, inner...], int32
  int64_t dimension;

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("indices", self.indices, Access::write);
    visit("dimension", self.dimension);
  }
};

void validate(const Argmax& operation);

}  // namespace leia
