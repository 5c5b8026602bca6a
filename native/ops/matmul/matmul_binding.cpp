#include "binding/operation_binding.h"
#include "ops/matmul/matmul.h"

LEIA_BINDING(Matmul)
