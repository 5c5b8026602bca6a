#include "binding/operation_binding.h"
#include "ops/residual_add/residual_add.h"

LEIA_BINDING(ResidualAdd)
