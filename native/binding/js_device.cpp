#include "binding/js_device.h"

#include "binding/arguments.h"
#include "binding/instance.h"

namespace leia::binding {

namespace {

constexpr napi_type_tag kDeviceTag = {0x6c65696164657669, 0x63652d68616e646c};

// Resolves a promise on the JavaScript thread when the stream reaches the marker.
class Synchronization {
 public:
  Synchronization(Napi::Env env, Device& device) : deferred_(Napi::Promise::Deferred::New(env)) {
    callback_ = Napi::ThreadSafeFunction::New(env, Napi::Function(), "leia synchronize", 0, 1,
                                              [this](Napi::Env) { delete this; });
    device.synchronize([this](std::exception_ptr error) {
      callback_.NonBlockingCall([this, error](Napi::Env js, Napi::Function) { settle(js, error); });
      callback_.Release();
    });
  }
  Napi::Promise promise() const { return deferred_.Promise(); }

 private:
  void settle(Napi::Env env, const std::exception_ptr& error) {
    if (error) {
      deferred_.Reject(to_javascript(env, error).Value());
    } else {
      deferred_.Resolve(env.Undefined());
    }
  }

  Napi::Promise::Deferred deferred_;
  Napi::ThreadSafeFunction callback_;
};

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
  try {
    Arguments arguments(info);
    device_ = Device::open(arguments.string());
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw to_javascript(info.Env(), error);
  }
  napi_type_tag_object(info.Env(), info.This(), &kDeviceTag);
}

Napi::Value JsDevice::synchronize(const Napi::CallbackInfo& info) {
  return (new Synchronization(info.Env(), *device_))->promise();
}

Napi::Value JsDevice::live_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(device_->live_bytes()));
}

void register_device(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = JsDevice::define(env);
  env.GetInstanceData<Instance>()->device_class = Napi::Persistent(constructor);
  exports.Set("NativeDevice", constructor);
}

}  // namespace leia::binding
