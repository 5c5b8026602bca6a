#include "binding/operations.h"

#include "binding/instance.h"

namespace leia::binding {

void register_operations(Napi::Env, Napi::Object exports) {
  register_fill(exports);
  register_rms_norm(exports);
}

}  // namespace leia::binding
