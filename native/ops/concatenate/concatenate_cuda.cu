#include "ops/concatenate/concatenate.h"

#include "cuda/strided_copy.cuh"

namespace leia {

void execute_cuda(const Concatenate& op, CudaContext& context) {
  visit_copies(op, [&](const StridedCopy& copy) { strided_copy(copy, context); });
}

LEIA_CUDA_EXECUTION(Concatenate)

}  // namespace leia
