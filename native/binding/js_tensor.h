// Tensor handles for JavaScript: allocation, views, and copies between host and device.
#pragma once

#include <napi.h>

#include "core/tensor.h"

namespace leia::binding {

class JsTensor : public Napi::ObjectWrap<JsTensor> {
 public:
  static Napi::Function define(Napi::Env env);
  // nullptr when the value is no Tensor handle.
  static const JsTensor* from(const Napi::Value& value);

  explicit JsTensor(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override;
  // Without storage after dispose().
  const Tensor& tensor() const { return tensor_; }

 private:
  Napi::Value dispose(const Napi::CallbackInfo& info);
  Napi::Value view(const Napi::CallbackInfo& info);
  Napi::Value write(const Napi::CallbackInfo& info);
  Napi::Value read(const Napi::CallbackInfo& info);
  // Throws "usage" after dispose().
  const Tensor& live(const char* call) const;
  void account(Napi::Env env, int64_t bytes);
  static std::shared_ptr<Storage> allocate(Napi::Env env, Device& device, size_t bytes);
  void take(Tensor tensor);
  void release(Napi::Env env);
  // Releases the memory of all handles that the garbage collector has taken.
  static void release_collected(Napi::Env env);

  Tensor tensor_;
  int64_t accounted_ = 0;  // bytes that the garbage collector knows of
};

}  // namespace leia::binding
