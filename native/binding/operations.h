// One function per operation, each in its own operations_<name>.cpp: it reads the positional
// arguments of lib/core/ops/<name>.ts into the operation's struct.
#pragma once

#include <napi.h>

namespace leia::binding {

void register_fill(Napi::Object exports);
void register_rms_norm(Napi::Object exports);

}  // namespace leia::binding
