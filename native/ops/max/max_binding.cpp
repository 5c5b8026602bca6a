#include "binding/operation_binding.h"
#include "ops/max/max.h"

LEIA_BINDING(MaxForward)
LEIA_BINDING(MaxBackward)
