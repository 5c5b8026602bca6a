// cuBLASLt makes the matrix products, with the bias where it can. This file only handles the empty
// ones, no results or K = 0, and a bias that is left.
#include "cuda/context.cuh"
#include "cuda/matmul_plans.h"
#include "ops/binary/binary_kernels.h"
#include "ops/matmul/matmul.h"

namespace leia {

namespace {

// The bias where 16 bytes can be read at a time, which may be a copy. cuBLASLt is told how the
// other operands are aligned and sees where the bias lies, but its heuristic has been seen to
// choose a kernel that reads a bias so wherever it is: that ends the use of the device.
const void* aligned_bias(const Tensor& bias, CudaContext& context) {
  if (aligned(bias)) return bias.data<std::byte>();
  void* copy = context.execution.scratch.take(bias.bytes());
  gpu::copy(copy, bias.data<std::byte>(), bias.bytes(), context.execution.stream);
  return copy;
}

// Whether the bias was added too, if there is one.
bool multiply(const Matmul& op, CudaContext& context) {
  std::byte* output = op.output.data<std::byte>();
  if (op.k() == 0) {
    if (!op.accumulate) gpu::fill(output, 0, op.output.bytes(), context.execution.stream);
    return !op.bias;
  }
  MatmulProblem problem{op.m(),         op.n(),        op.k(),     op.transpose_a,
                        op.transpose_b, op.accumulate, op.a.dtype, op.output.dtype,
                        op.batch(),     op.b_stride(), !!op.bias};
  const auto run = [&](const void* bias) {
    return context.execution.matmul.run(problem, op.a.data<std::byte>(), op.b.data<std::byte>(),
                                        bias, output, context.execution.stream);
  };
  if (!op.bias) return run(nullptr);
  if (run(aligned_bias(op.bias, context))) return true;
  problem.has_bias = false;
  run(nullptr);
  return false;
}

}  // namespace

void execute_cuda(const Matmul& op, CudaContext& context) {
  if (op.output.elements() == 0 || multiply(op, context)) return;
  execute_binary_cuda(op.kName, BinaryOperator::add, bias_addition(op), context);
}

LEIA_CUDA_EXECUTION(Matmul)

}  // namespace leia
