#include "binding/instance.h"
#include "binding/operation_binding.h"

namespace leia::binding {

void register_operations(Napi::Env env, Napi::Object exports) {
  Napi::Object operations = Napi::Object::New(env);
  for (const AddOperation add : bound_operations()) add(operations);
  exports.Set("operations", operations);
}

}  // namespace leia::binding
