// The numbers of one AdamW step in float32, each rounded once from float64, as torch does.
#pragma once

#include <cmath>

#include "ops/adamw/adamw.h"

namespace leia {

struct AdamWFactors {
  explicit AdamWFactors(const AdamW& op)
      : decay(static_cast<float>(1 - op.learning_rate * op.weight_decay)),
        first(static_cast<float>(1 - op.beta1)),
        keep_first(static_cast<float>(op.beta1)),
        keep(static_cast<float>(op.beta2)),
        second(static_cast<float>(1 - op.beta2)),
        correction(
            static_cast<float>(std::sqrt(1 - std::pow(op.beta2, static_cast<double>(op.step))))),
        epsilon(static_cast<float>(op.epsilon)),
        rate(static_cast<float>(op.learning_rate /
                                (1 - std::pow(op.beta1, static_cast<double>(op.step))))) {}

  float decay, first, keep_first, keep, second, correction, epsilon, rate;
  // What gradients are multiplied by.
  float scale = 1.0f;
};

}  // namespace leia
