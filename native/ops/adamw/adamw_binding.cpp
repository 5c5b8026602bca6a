#include "binding/operation_binding.h"
#include "ops/adamw/adamw.h"

LEIA_BINDING(AdamW)
