// Device handles for JavaScript: opening, synchronisation, memory in use.
#pragma once

#include <napi.h>

#include <memory>

#include "core/device.h"

namespace leia::binding {

class JsDevice : public Napi::ObjectWrap<JsDevice> {
 public:
  static Napi::Function define(Napi::Env env);
  // nullptr when the value is no Device handle.
  static JsDevice* from(const Napi::Value& value);

  explicit JsDevice(const Napi::CallbackInfo& info);
  const std::shared_ptr<Device>& device() const { return device_; }

 private:
  Napi::Value synchronize(const Napi::CallbackInfo& info);
  Napi::Value live_bytes(const Napi::CallbackInfo& info);

  std::shared_ptr<Device> device_;
};

}  // namespace leia::binding
