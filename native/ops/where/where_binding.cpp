#include "binding/operation_binding.h"
#include "ops/where/where.h"

LEIA_BINDING(Where)
