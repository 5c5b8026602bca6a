// What the kernels of this room give to operations of other rooms.
#pragma once

#include "ops/binary/binary.h"

namespace leia {

struct CpuContext;
struct CudaContext;

void execute_binary_cpu(BinaryOperator kind, const BinaryArguments& operation, CpuContext& context);
void execute_gradient_cpu(const BinaryGradient& gradient, CpuContext& context);
void execute_binary_cuda(const char* name, BinaryOperator kind, const BinaryArguments& operation,
                         CudaContext& context);
void execute_gradient_cuda(const BinaryGradient& gradient, CudaContext& context);

}  // namespace leia
