// What one JavaScript environment (the main thread or a worker) keeps of the addon.
#pragma once

#include <napi.h>

namespace leia::binding {

struct Instance {
  Napi::FunctionReference error_class;
  Napi::FunctionReference tensor_class;
  Napi::FunctionReference device_class;
};

void register_device(Napi::Env env, Napi::Object exports);
void register_tensor(Napi::Env env, Napi::Object exports);
void register_operations(Napi::Env env, Napi::Object exports);

}  // namespace leia::binding
