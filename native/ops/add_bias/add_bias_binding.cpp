#include "binding/operation_binding.h"
#include "ops/add_bias/add_bias.h"

LEIA_BINDING(AddBias)
LEIA_BINDING(AddBiasBackward)
