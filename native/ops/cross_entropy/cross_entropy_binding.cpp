#include "binding/operation_binding.h"
#include "ops/cross_entropy/cross_entropy.h"

LEIA_BINDING(CrossEntropyForward)
LEIA_BINDING(CrossEntropyBackward)
LEIA_BINDING(CrossEntropy)
