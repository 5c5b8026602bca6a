#include "binding/operation_binding.h"
#include "ops/rope/rope.h"

LEIA_BINDING(RopeForward)
LEIA_BINDING(RopeBackward)
