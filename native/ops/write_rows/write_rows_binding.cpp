#include "binding/operation_binding.h"
#include "ops/write_rows/write_rows.h"

LEIA_BINDING(WriteRows)
