#include "binding/operation_binding.h"
#include "ops/dropout/dropout.h"

LEIA_BINDING(Dropout)
