#include "binding/operation_binding.h"
#include "ops/layer_norm/layer_norm.h"

LEIA_BINDING(LayerNormForward)
LEIA_BINDING(LayerNormBackward)
