#include "binding/operation_binding.h"
#include "ops/write_slice/write_slice.h"

LEIA_BINDING(WriteSlice)
