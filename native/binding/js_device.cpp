#include "binding/js_device.h"

#include "binding/arguments.h"
#include "binding/instance.h"
#include "binding/synchronization.h"

namespace leia::binding {

namespace {

constexpr napi_type_tag kDeviceTag = {0x6c65696164657669, 0x63652d68616e646c};
constexpr napi_type_tag kEventTag = {0x6c65696165766e74, 0x2d2d2d68616e646c};
constexpr napi_type_tag kGraphTag = {0x6c65696167726170, 0x682d2d68616e646c};

// What JavaScript holds and gives back, but cannot look into.
template <class T>
Napi::Value opaque(Napi::Env env, const napi_type_tag& tag, std::shared_ptr<T> value) {
  auto external = Napi::External<std::shared_ptr<T>>::New(
      env, new std::shared_ptr<T>(std::move(value)),
      [](Napi::Env, std::shared_ptr<T>* own) { delete own; });
  external.TypeTag(&tag);
  return external;
}

template <class T>
std::shared_ptr<T>& from_opaque(const Napi::Value& value, const napi_type_tag& tag,
                                const char* expected) {
  const bool fits =
      value.IsExternal() && value.As<Napi::External<std::shared_ptr<T>>>().CheckTypeTag(&tag);
  require(fits, "expected ", expected);
  return *value.As<Napi::External<std::shared_ptr<T>>>().Data();
}

}  // namespace

Napi::Function JsDevice::define(Napi::Env env) {
  return DefineClass(
      env, "NativeDevice",
      {InstanceMethod<&JsDevice::synchronize>("synchronize"),
       InstanceMethod<&JsDevice::conclude>("conclude"),
       InstanceMethod<&JsDevice::is_synchronized>("isSynchronized"),
       InstanceMethod<&JsDevice::name>("name"), InstanceMethod<&JsDevice::live_bytes>("liveBytes"),
       InstanceMethod<&JsDevice::peak_bytes>("peakBytes"),
       InstanceMethod<&JsDevice::properties>("properties"),
       InstanceMethod<&JsDevice::pinned_buffer>("pinnedBuffer"),
       InstanceMethod<&JsDevice::record_event>("recordEvent"),
       InstanceMethod<&JsDevice::begin_capture>("beginCapture"),
       InstanceMethod<&JsDevice::end_capture>("endCapture"),
       InstanceMethod<&JsDevice::replay>("replay"), InstanceMethod<&JsDevice::elapsed>("elapsed"),
       InstanceMethod<&JsDevice::dispose_graph>("disposeGraph")});
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
  return guarded(info, [&] {
    return promise_of(info.Env(), info.Env().Undefined(),
                      [&](Device::Done done) { device_->synchronize(std::move(done)); });
  });
}

// conclude(): a promise for when all work is done, rejected with the first error that nobody got.
Napi::Value JsDevice::conclude(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    return promise_of(info.Env(), info.Env().Undefined(),
                      [&](Device::Done done) { device_->conclude(std::move(done)); });
  });
}

// Whether nothing was queued since the last synchronize().
Napi::Value JsDevice::is_synchronized(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), device_->is_synchronized());
}

Napi::Value JsDevice::name(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), device_->name());
}

Napi::Value JsDevice::live_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(device_->live_bytes()));
}

Napi::Value JsDevice::peak_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(device_->peak_bytes()));
}

Napi::Value JsDevice::properties(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const DeviceProperties own = device_->properties();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("description", own.description);
    result.Set("freeBytes", static_cast<double>(own.free_bytes));
    result.Set("totalBytes", static_cast<double>(own.total_bytes));
    return result;
  });
}

// pinnedBuffer(bytes): an ArrayBuffer. V8 hears how large it is, or it would not hurry to collect
// it.
Napi::Value JsDevice::pinned_buffer(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    Arguments arguments(info, "pinnedBuffer");
    const int64_t bytes = arguments.integer("bytes");
    require(bytes >= 0, "pinnedBuffer: expected 0 bytes or more, got ", bytes);
    auto memory =
        std::make_unique<std::shared_ptr<std::byte>>(device_->allocate_host(std::size_t(bytes)));
    Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(
        info.Env(), memory->get(), std::size_t(bytes),
        [bytes](Napi::Env env, void*, std::shared_ptr<std::byte>* own) {
          delete own;
          Napi::MemoryManagement::AdjustExternalMemory(env, -bytes);
        },
        memory.get());
    memory.release();
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), bytes);
    return buffer;
  });
}

Napi::Value JsDevice::record_event(const Napi::CallbackInfo& info) {
  return guarded(info, [&] { return opaque(info.Env(), kEventTag, device_->record_event()); });
}

Napi::Value JsDevice::begin_capture(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    device_->begin_capture();
    return info.Env().Undefined();
  });
}

Napi::Value JsDevice::end_capture(const Napi::CallbackInfo& info) {
  return guarded(info, [&] { return opaque(info.Env(), kGraphTag, device_->end_capture()); });
}

// replay(graph)
Napi::Value JsDevice::replay(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto& graph = from_opaque<Graph>(info[0], kGraphTag, "a captured graph");
    if (graph == nullptr) fail("usage", "replay: this graph was disposed");
    device_->replay(graph);
    return info.Env().Undefined();
  });
}

// elapsed(earlier, later): milliseconds between two events that have been reached.
Napi::Value JsDevice::elapsed(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto& earlier = from_opaque<Event>(info[0], kEventTag, "an event");
    const auto& later = from_opaque<Event>(info[1], kEventTag, "an event");
    return Napi::Number::New(info.Env(), later->milliseconds_since(*earlier));
  });
}

// disposeGraph(graph): lets go of the tensors that the graph uses.
Napi::Value JsDevice::dispose_graph(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    from_opaque<Graph>(info[0], kGraphTag, "a captured graph").reset();
    return info.Env().Undefined();
  });
}

void register_device(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = JsDevice::define(env);
  exports.Set("NativeDevice", constructor);
  // stopDevices(): ends all work, for the end of the process. Gives the errors that nobody got.
  add_function(exports, "stopDevices", [](Arguments& arguments) -> Napi::Value {
    Napi::Array errors = Napi::Array::New(arguments.env());
    for (const FailurePtr& failure : arguments.env().GetInstanceData<Instance>()->stop()) {
      failure->is_told = true;
      errors.Set(errors.Length(), to_javascript(arguments.env(), failure->error).Value());
    }
    return errors;
  });
}

}  // namespace leia::binding
