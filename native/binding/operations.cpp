#include "binding/operations.h"

#include "binding/instance.h"

namespace leia::binding {

void register_operations(Napi::Env, Napi::Object exports) {
  register_adamw(exports);
  register_cast(exports);
  register_cross_entropy(exports);
  register_embedding(exports);
  register_fill(exports);
  register_flash_attention(exports);
  register_gradient_norm(exports);
  register_matmul(exports);
  register_random_normal(exports);
  register_residual_add(exports);
  register_rms_norm(exports);
  register_rope(exports);
  register_sample_token(exports);
  register_swiglu(exports);
}

}  // namespace leia::binding
