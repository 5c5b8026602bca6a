// The Euclidean norm of many gradients taken together, and the factor that clips it:
//
//   norm  = sqrt(sum over all elements of g^2)
//   scale = min(1, max_norm / (norm + 1e-6))       (1 if max_norm is infinite)
//
// Blocks of 4096 elements are summed in float32, their sums in float64 and in order: the bits
// depend on the shapes alone. A gradient that is not finite makes the norm so.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace leia {

struct GradientNorm {
  static constexpr const char* kName = "gradient_norm";
  std::vector<Tensor> gradients;  // at least one; any shapes, float32
  double max_norm;                // above 0, may be infinite
  Tensor norm;                    // [1], float32
  Tensor scale;                   // [1], float32

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("gradients", self.gradients, Access::read);
    visit("norm", self.norm, Access::write);
    visit("scale", self.scale, Access::write);
    visit("max_norm", self.max_norm);
  }
};

void validate(const GradientNorm& operation);

}  // namespace leia
