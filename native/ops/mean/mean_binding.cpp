#include "binding/operation_binding.h"
#include "ops/mean/mean.h"

LEIA_BINDING(MeanForward)
LEIA_BINDING(MeanBackward)
