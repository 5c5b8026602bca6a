#include "binding/operation_binding.h"
#include "ops/random_normal/random_normal.h"

LEIA_BINDING(RandomNormal)
