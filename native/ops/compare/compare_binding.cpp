#include "binding/operation_binding.h"
#include "ops/compare/compare.h"

LEIA_BINDING(Equal)
LEIA_BINDING(NotEqual)
LEIA_BINDING(Less)
LEIA_BINDING(LessEqual)
LEIA_BINDING(Greater)
LEIA_BINDING(GreaterEqual)
