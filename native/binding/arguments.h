// Reads the positional JavaScript arguments of one call, in order. Each reader is told the
// argument's name, for its error.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "core/tensor.h"

namespace leia::binding {

class Arguments {
 public:
  // `call` is the name that errors begin with.
  Arguments(const Napi::CallbackInfo& info, const char* call) : info_(info), call_(call) {}

  Tensor tensor(const char* name);
  Tensor optional_tensor(const char* name);                // undefined or null: an empty tensor
  std::vector<Tensor> tensors(const char* name);           // an array of them
  std::vector<Tensor> optional_tensors(const char* name);  // undefined or null: none
  double number(const char* name);
  float real(const char* name) { return static_cast<float>(number(name)); }
  int64_t integer(const char* name);
  std::vector<int64_t> integers(const char* name);  // an array of them
  bool boolean(const char* name);
  std::string string(const char* name);
  Napi::Uint8Array bytes(const char* name);
  Napi::Value value() { return info_[next_++]; }
  Napi::Env env() const { return info_.Env(); }

 private:
  [[noreturn]] void wrong(const char* name, const char* expected, const Napi::Value& value) const;
  Tensor to_tensor(const char* name, const Napi::Value& value) const;
  std::vector<Tensor> to_tensors(const char* name, const Napi::Value& value) const;
  double to_number(const char* name, const Napi::Value& value) const;
  int64_t to_integer(const char* name, const Napi::Value& value) const;

  const Napi::CallbackInfo& info_;
  const char* call_;
  size_t next_ = 0;
};

// Throws a LeiaError (or, before the class is known, an Error with a code) for a C++ exception.
Napi::Error to_javascript(Napi::Env env, const std::exception& error);
Napi::Error to_javascript(Napi::Env env, std::exception_ptr error);

// Runs body, which may throw C++ exceptions, for a call from JavaScript.
template <class Body>
Napi::Value guarded(const Napi::CallbackInfo& info, Body&& body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw to_javascript(info.Env(), error);
  }
}

// Adds a function to exports whose body may throw C++ exceptions.
template <class Body>
void add_function(Napi::Object exports, const char* name, Body body) {
  const auto call = [body, name](const Napi::CallbackInfo& info) {
    return guarded(info, [&] {
      Arguments arguments(info, name);
      return body(arguments);
    });
  };
  exports.Set(name, Napi::Function::New(exports.Env(), call, name));
}

}  // namespace leia::binding
