// One function per operation, each in its own operations_<name>.cpp: it reads the positional
// arguments of lib/core/ops/<name>.ts into the operation's struct.
#pragma once

#include <napi.h>

namespace leia::binding {

void register_adamw(Napi::Object exports);
void register_cast(Napi::Object exports);
void register_cross_entropy(Napi::Object exports);
void register_embedding(Napi::Object exports);
void register_fill(Napi::Object exports);
void register_flash_attention(Napi::Object exports);
void register_gradient_norm(Napi::Object exports);
void register_matmul(Napi::Object exports);
void register_random_normal(Napi::Object exports);
void register_residual_add(Napi::Object exports);
void register_rms_norm(Napi::Object exports);
void register_rope(Napi::Object exports);
void register_sample_token(Napi::Object exports);
void register_swiglu(Napi::Object exports);

}  // namespace leia::binding
