#include "binding/operation_binding.h"
#include "ops/log_softmax/log_softmax.h"

LEIA_BINDING(LogSoftmaxForward)
LEIA_BINDING(LogSoftmaxBackward)
