#include "binding/operation_binding.h"
#include "ops/flash_attention/flash_attention.h"

LEIA_BINDING(FlashAttentionForward)
LEIA_BINDING(FlashAttentionBackward)
