#include "allocator_binding.h"

#include "cuda/caching_allocator.h"
#include "cuda/execution.h"
#include "cuda/runtime.h"

namespace leia::gpu {
// Of the emulator alone.
size_t allocated_device_bytes();
void limit_device_bytes(size_t bytes);
}  // namespace leia::gpu

namespace leia::emulator_test {

namespace {

// Addresses are numbers, 0 where there is no memory.
class JsAllocator : public Napi::ObjectWrap<JsAllocator> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Allocator",
                       {InstanceMethod<&JsAllocator::allocate>("allocate"),
                        InstanceMethod<&JsAllocator::release>("release"),
                        InstanceMethod<&JsAllocator::cached_bytes>("cachedBytes"),
                        InstanceMethod<&JsAllocator::device_bytes>("deviceBytes"),
                        InstanceMethod<&JsAllocator::limit_device>("limitDevice"),
                        InstanceMethod<&JsAllocator::take_scratch>("takeScratch")});
  }
  explicit JsAllocator(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  // allocate(bytes, mayReturn)
  Napi::Value allocate(const Napi::CallbackInfo& info) {
    const auto bytes = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
    void* data = info[1].As<Napi::Boolean>() ? allocator_.allocate(bytes)
                                             : allocator_.allocate_without_returning(bytes);
    return Napi::Number::New(info.Env(), static_cast<double>(reinterpret_cast<uintptr_t>(data)));
  }
  Napi::Value release(const Napi::CallbackInfo& info) {
    const auto address = static_cast<uintptr_t>(info[0].As<Napi::Number>().Int64Value());
    allocator_.release(reinterpret_cast<void*>(address));
    return info.Env().Undefined();
  }
  Napi::Value cached_bytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(allocator_.cached_bytes()));
  }
  // deviceBytes(): what was taken from the device.
  Napi::Value device_bytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(gpu::allocated_device_bytes()));
  }

  // limitDevice(bytes): no more can be taken from it from now on.
  Napi::Value limit_device(const Napi::CallbackInfo& info) {
    gpu::limit_device_bytes(static_cast<size_t>(info[0].As<Napi::Number>().Int64Value()));
    return info.Env().Undefined();
  }
  // takeScratch(bytes): for the operation that runs now; throws where there is no memory.
  Napi::Value take_scratch(const Napi::CallbackInfo& info) {
    try {
      scratch_.take(static_cast<size_t>(info[0].As<Napi::Number>().Int64Value()));
    } catch (const Error& error) {
      throw Napi::Error::New(info.Env(), error.what());
    }
    return info.Env().Undefined();
  }

  CachingAllocator allocator_{0};
  CudaScratch scratch_{allocator_};
};

}  // namespace

void register_allocator(Napi::Env env, Napi::Object exports) {
  exports.Set("Allocator", JsAllocator::define(env));
}

}  // namespace leia::emulator_test
