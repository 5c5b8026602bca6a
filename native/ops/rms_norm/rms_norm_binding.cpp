#include "binding/operation_binding.h"
#include "ops/rms_norm/rms_norm.h"

LEIA_BINDING(RmsNormForward)
LEIA_BINDING(RmsNormBackward)
