// Copies from one arrangement to another on a GPU.
#pragma once

#include "core/strided_copy.h"
#include "cuda/context.cuh"

namespace leia {

void strided_copy(const StridedCopy& copy, CudaContext& context);

}  // namespace leia
