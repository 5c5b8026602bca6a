#include "ops/write_slice/write_slice.h"

#include "cuda/strided_copy.cuh"

namespace leia {

void execute_cuda(const WriteSlice& op, CudaContext& context) {
  strided_copy(copy_of(op), context);
}

LEIA_CUDA_EXECUTION(WriteSlice)

}  // namespace leia
