#include "ops/gradient_norm/gradient_norm.h"

#include <algorithm>
#include <cmath>

#define LEIA_KERNELS "ops/gradient_norm/gradient_norm_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

void execute_cpu(const GradientNorm& op, CpuContext& context) {
  double sum = 0;
  for (const Tensor& gradient : op.gradients) {
    sum += LEIA_DISPATCH(sum_of_squares)(gradient.data<float>(), gradient.elements(), context);
  }
  const auto norm = static_cast<float>(std::sqrt(sum));
  const double factor = std::isinf(op.max_norm) ? 1 : op.max_norm / (double{norm} + 1e-6);
  *op.norm.data<float>() = norm;
  *op.scale.data<float>() = static_cast<float>(factor > 1 ? 1 : factor);
}

LEIA_CPU_EXECUTION(GradientNorm)

}  // namespace leia
