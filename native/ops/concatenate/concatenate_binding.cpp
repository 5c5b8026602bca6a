#include "binding/operation_binding.h"
#include "ops/concatenate/concatenate.h"

LEIA_BINDING(Concatenate)
