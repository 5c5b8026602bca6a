#include "binding/operation_binding.h"
#include "ops/cast/cast.h"

LEIA_BINDING(Cast)
