#include "ops/permute/permute.h"

#include "cuda/strided_copy.cuh"

namespace leia {

void execute_cuda(const Permute& op, CudaContext& context) {
  strided_copy(copy_of(op), context);
}

LEIA_CUDA_EXECUTION(Permute)

}  // namespace leia
