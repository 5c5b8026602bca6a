#include "binding/operation_binding.h"
#include "ops/top_k/top_k.h"

LEIA_BINDING(TopKForward)
LEIA_BINDING(TopKBackward)
