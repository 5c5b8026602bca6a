#include "binding/operation_binding.h"
#include "ops/argmax/argmax.h"

LEIA_BINDING(Argmax)
