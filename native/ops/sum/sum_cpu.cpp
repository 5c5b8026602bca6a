#include "ops/sum/sum.h"

#include "ops/mean/mean.h"

#define LEIA_KERNELS "ops/sum/sum_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

namespace {

double size_of_dimension(const Tensor& tensor, int64_t dimension) {
  return static_cast<double>(reduced_dimension(tensor.shape, dimension).size);
}

}  // namespace

void execute_cpu(const SumForward& op, CpuContext& context) {
  LEIA_DISPATCH(sum_forward)(op.input, op.output, op.dimension, 1, context);
}

void execute_cpu(const SumBackward& op, CpuContext& context) {
  LEIA_DISPATCH(sum_backward)(op.grad_output, op.grad_input, op.dimension, 1, context);
}

void execute_cpu(const MeanForward& op, CpuContext& context) {
  const double size = size_of_dimension(op.input, op.dimension);
  LEIA_DISPATCH(sum_forward)(op.input, op.output, op.dimension, size, context);
}

void execute_cpu(const MeanBackward& op, CpuContext& context) {
  const double size = size_of_dimension(op.grad_input, op.dimension);
  LEIA_DISPATCH(sum_backward)(op.grad_output, op.grad_input, op.dimension, size, context);
}

LEIA_CPU_EXECUTION(SumForward)
LEIA_CPU_EXECUTION(SumBackward)
LEIA_CPU_EXECUTION(MeanForward)
LEIA_CPU_EXECUTION(MeanBackward)

}  // namespace leia
