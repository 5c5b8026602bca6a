#include "binding/operation_binding.h"
#include "ops/activation/activation.h"

LEIA_BINDING(Gelu)
LEIA_BINDING(Silu)
LEIA_BINDING(Relu)
LEIA_BINDING(Tanh)
LEIA_BINDING(Sigmoid)
LEIA_BINDING(GeluBackward)
LEIA_BINDING(SiluBackward)
LEIA_BINDING(ReluBackward)
LEIA_BINDING(TanhBackward)
LEIA_BINDING(SigmoidBackward)
