#include "binding/js_device.h"

#include "binding/arguments.h"
#include "binding/instance.h"
#include "binding/synchronization.h"

namespace leia::binding {

namespace {

constexpr napi_type_tag kDeviceTag = {0x6c65696164657669, 0x63652d68616e646c};

}  // namespace

Napi::Function JsDevice::define(Napi::Env env) {
  return DefineClass(env, "NativeDevice",
                     {InstanceMethod<&JsDevice::synchronize>("synchronize"),
                      InstanceMethod<&JsDevice::live_bytes>("liveBytes")});
}

JsDevice* JsDevice::from(const Napi::Value& value) {
  if (!value.IsObject()) return nullptr;
  bool same = false;
  napi_check_object_type_tag(value.Env(), value, &kDeviceTag, &same);
  return same ? Unwrap(value.As<Napi::Object>()) : nullptr;
}

JsDevice::JsDevice(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  guarded(info, [&]() -> Napi::Value {
    Arguments arguments(info, "Device");
    device_ = info.Env().GetInstanceData<Instance>()->device(arguments.string("name"));
    return info.This();
  });
  napi_type_tag_object(info.Env(), info.This(), &kDeviceTag);
}

Napi::Value JsDevice::synchronize(const Napi::CallbackInfo& info) {
  return synchronization(info.Env(), *device_, info.Env().Undefined());
}

Napi::Value JsDevice::live_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(device_->live_bytes()));
}

void register_device(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = JsDevice::define(env);
  exports.Set("NativeDevice", constructor);
}

}  // namespace leia::binding
