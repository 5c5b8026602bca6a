#include "binding/synchronization.h"

#include "binding/arguments.h"

namespace leia::binding {

namespace {

// Lives until the stream has reached the marker and the JavaScript thread has settled the promise.
// When the environment ends first, Node closes the callback: calls to it are then refused, and its
// finaliser still deletes this object, after Instance::stop() has let the stream pass the marker.
class Synchronization {
 public:
  Synchronization(Napi::Env env, Device& device, Napi::Value result)
      : deferred_(Napi::Promise::Deferred::New(env)) {
    Napi::Array holder = Napi::Array::New(env, 1);  // a reference can be to objects only
    holder.Set(uint32_t{0}, result);
    result_ = Napi::Persistent(holder.As<Napi::Object>());
    callback_ = Napi::ThreadSafeFunction::New(env, Napi::Function(), "leia synchronize", 0, 1,
                                              [this](Napi::Env) { delete this; });
    device.synchronize([this](std::exception_ptr error) {
      Napi::ThreadSafeFunction callback = callback_;
      callback.NonBlockingCall([this, error](Napi::Env js, Napi::Function) { settle(js, error); });
      callback.Release();
    });
  }
  Napi::Promise promise() const { return deferred_.Promise(); }

 private:
  void settle(Napi::Env env, const std::exception_ptr& error) {
    if (error) {
      deferred_.Reject(to_javascript(env, error).Value());
    } else {
      deferred_.Resolve(result_.Value().Get(uint32_t{0}));
    }
  }

  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference result_;
  Napi::ThreadSafeFunction callback_;
};

}  // namespace

Napi::Promise synchronization(Napi::Env env, Device& device, Napi::Value result) {
  return (new Synchronization(env, device, result))->promise();
}

}  // namespace leia::binding
