#include "binding/operation_binding.h"
#include "ops/sum/sum.h"

LEIA_BINDING(SumForward)
LEIA_BINDING(SumBackward)
