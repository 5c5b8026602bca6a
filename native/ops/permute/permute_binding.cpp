#include "binding/operation_binding.h"
#include "ops/permute/permute.h"

LEIA_BINDING(Permute)
