#include "binding/synchronization.h"

#include "binding/arguments.h"

namespace leia::binding {

namespace {

// Lives until the stream is done and the JavaScript thread has settled the promise. When the
// environment ends first, Node closes the callback: calls to it are then refused, and its finaliser
// still deletes this object, after Instance::stop() has let the stream come to its end.
class Synchronization {
 public:
  Synchronization(Napi::Env env, Napi::Value result)
      : deferred_(Napi::Promise::Deferred::New(env)) {
    Napi::Array holder = Napi::Array::New(env, 1);  // only objects can be referenced
    holder.Set(uint32_t{0}, result);
    result_ = Napi::Persistent(holder.As<Napi::Object>());
    callback_ = Napi::ThreadSafeFunction::New(env, Napi::Function(), "leia synchronize", 0, 1,
                                              [this](Napi::Env) { delete this; });
  }
  Napi::Promise promise() const { return deferred_.Promise(); }

  // From any thread.
  void done(const FailurePtr& failure) {
    Napi::ThreadSafeFunction callback = callback_;
    callback.NonBlockingCall(
        [this, failure](Napi::Env env, Napi::Function) { settle(env, failure); });
    callback.Release();
  }
  // When nothing was queued.
  void abandon() { Napi::ThreadSafeFunction(callback_).Release(); }

 private:
  void settle(Napi::Env env, const FailurePtr& failure) {
    if (failure != nullptr) {
      failure->is_told = true;
      deferred_.Reject(to_javascript(env, failure->error).Value());
    } else {
      deferred_.Resolve(result_.Value().Get(uint32_t{0}));
    }
  }

  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference result_;
  Napi::ThreadSafeFunction callback_;
};

}  // namespace

Napi::Promise promise_of(Napi::Env env, Napi::Value result,
                         const std::function<void(Device::Done)>& queue) {
  auto* own = new Synchronization(env, result);
  const Napi::Promise promise = own->promise();
  try {
    queue([own](const FailurePtr& failure) { own->done(failure); });
  } catch (...) {
    own->abandon();
    throw;
  }
  return promise;
}

}  // namespace leia::binding
