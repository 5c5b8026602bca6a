// Device handles for JavaScript: opening, synchronisation, memory, events, captured graphs.
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
  Napi::Value conclude(const Napi::CallbackInfo& info);
  Napi::Value is_synchronized(const Napi::CallbackInfo& info);
  Napi::Value name(const Napi::CallbackInfo& info);
  Napi::Value live_bytes(const Napi::CallbackInfo& info);
  Napi::Value peak_bytes(const Napi::CallbackInfo& info);
  Napi::Value properties(const Napi::CallbackInfo& info);
  Napi::Value pinned_buffer(const Napi::CallbackInfo& info);
  Napi::Value record_event(const Napi::CallbackInfo& info);
  Napi::Value begin_capture(const Napi::CallbackInfo& info);
  Napi::Value end_capture(const Napi::CallbackInfo& info);
  Napi::Value replay(const Napi::CallbackInfo& info);
  Napi::Value elapsed(const Napi::CallbackInfo& info);
  Napi::Value dispose_graph(const Napi::CallbackInfo& info);

  std::shared_ptr<Device> device_;
};

}  // namespace leia::binding
