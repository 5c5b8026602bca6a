#include "binding/operation_binding.h"
#include "ops/fill/fill.h"

LEIA_BINDING(Fill)
