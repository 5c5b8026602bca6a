// cuBLASLt makes the matrix products. This file only handles the empty ones: no results, or K = 0.
#include "cuda/context.cuh"
#include "cuda/matmul_plans.h"
#include "ops/matmul/matmul.h"

namespace leia {

void execute_cuda(const Matmul& op, CudaContext& context) {
  const MatmulProblem problem{op.m(),         op.n(),        op.k(),     op.transpose_a,
                              op.transpose_b, op.accumulate, op.a.dtype, op.output.dtype,
                              op.batch(),     op.b_stride()};
  if (op.output.elements() == 0) return;
  std::byte* output = op.output.data<std::byte>();
  if (problem.k == 0) {
    if (!op.accumulate) gpu::fill(output, 0, op.output.bytes(), context.execution.stream);
    return;
  }
  context.execution.matmul.run(problem, op.a.data<std::byte>(), op.b.data<std::byte>(), output,
                               context.execution.stream);
}

LEIA_CUDA_EXECUTION(Matmul)

}  // namespace leia
