#include "binding/operation_binding.h"
#include "ops/softmax/softmax.h"

LEIA_BINDING(SoftmaxForward)
LEIA_BINDING(SoftmaxBackward)
