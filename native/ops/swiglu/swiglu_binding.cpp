#include "binding/operation_binding.h"
#include "ops/swiglu/swiglu.h"

LEIA_BINDING(SwigluForward)
LEIA_BINDING(SwigluBackward)
