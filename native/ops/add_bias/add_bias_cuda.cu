#include "cuda/context.cuh"
#include "ops/add_bias/add_bias_as_binary.h"

namespace leia {

void execute_cuda(const AddBias& op, CudaContext& context) {
  execute_binary_cuda(op.kName, BinaryOperator::add, as_binary(op), context);
}

void execute_cuda(const AddBiasBackward& op, CudaContext& context) {
  execute_gradient_cuda(as_gradient(op), context);
}

LEIA_CUDA_EXECUTION(AddBias)
LEIA_CUDA_EXECUTION(AddBiasBackward)

}  // namespace leia
