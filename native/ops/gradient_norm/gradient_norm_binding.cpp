#include "binding/operation_binding.h"
#include "ops/gradient_norm/gradient_norm.h"

LEIA_BINDING(GradientNorm)
