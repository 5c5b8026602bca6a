#include "ops/slice/slice.h"

#include "cuda/strided_copy.cuh"

namespace leia {

void execute_cuda(const Slice& op, CudaContext& context) {
  strided_copy(copy_from_slice(op.input, op.output, op.dimension, op.start), context);
}

LEIA_CUDA_EXECUTION(Slice)

}  // namespace leia
