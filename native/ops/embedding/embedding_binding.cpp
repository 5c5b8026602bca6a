#include "binding/operation_binding.h"
#include "ops/embedding/embedding.h"

LEIA_BINDING(EmbeddingForward)
LEIA_BINDING(EmbeddingBackward)
