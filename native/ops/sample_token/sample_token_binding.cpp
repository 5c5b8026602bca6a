#include "binding/operation_binding.h"
#include "ops/sample_token/sample_token.h"

LEIA_BINDING(SampleToken)
