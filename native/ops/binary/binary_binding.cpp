#include "binding/operation_binding.h"
#include "ops/binary/binary.h"

LEIA_BINDING(Add)
LEIA_BINDING(Subtract)
LEIA_BINDING(Multiply)
LEIA_BINDING(Divide)
LEIA_BINDING(AddBackward)
LEIA_BINDING(SubtractBackward)
LEIA_BINDING(MultiplyBackward)
LEIA_BINDING(DivideBackward)
