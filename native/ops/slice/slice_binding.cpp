#include "binding/operation_binding.h"
#include "ops/slice/slice.h"

LEIA_BINDING(Slice)
