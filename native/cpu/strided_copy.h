// Copies from one arrangement to another on the CPU.
#pragma once

#include "core/strided_copy.h"
#include "cpu/cpu_context.h"

namespace leia {

void strided_copy(const StridedCopy& copy, CpuContext& context);

}  // namespace leia
