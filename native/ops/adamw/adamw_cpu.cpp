#include "ops/adamw/adamw.h"

#include <cmath>

namespace leia {

namespace {

// The step's numbers in float32, each rounded once from float64, as torch does.
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
                                (1 - std::pow(op.beta1, static_cast<double>(op.step))))),
        scale(op.gradient_scale ? *op.gradient_scale.data<float>() : 1.0f) {}

  float decay, first, keep_first, keep, second, correction, epsilon, rate, scale;
};

}  // namespace

}  // namespace leia

#define LEIA_KERNELS "ops/adamw/adamw_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

void execute_cpu(const AdamW& operation, CpuContext& context) {
  LEIA_DISPATCH(adamw)(operation, AdamWFactors(operation), context);
}

}  // namespace leia
