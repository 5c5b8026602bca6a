// Reads the positional JavaScript arguments of one call, in order. Each reader names what it
// expected; the TypeScript side (lib/core/ops.ts) turns documented argument objects into these
// positions.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "core/operation.h"

namespace leia::binding {

class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  Tensor tensor();
  Tensor optional_tensor();       // undefined or null: an empty tensor
  std::vector<Tensor> tensors();  // an array of them
  double number();
  float real() { return static_cast<float>(number()); }
  int64_t integer();
  bool boolean();
  std::string string();
  Napi::Value value() { return info_[next_++]; }
  Napi::Env env() const { return info_.Env(); }

 private:
  const Napi::CallbackInfo& info_;
  size_t next_ = 0;
};

// Throws a LeiaError (or, before the class is known, an Error with a code) for a C++ exception.
Napi::Error to_javascript(Napi::Env env, const std::exception& error);
Napi::Error to_javascript(Napi::Env env, std::exception_ptr error);

// Adds a function to exports whose body may throw C++ exceptions.
template <class Body>
void add_function(Napi::Object exports, const char* name, Body body) {
  exports.Set(name, Napi::Function::New(
                        exports.Env(),
                        [body](const Napi::CallbackInfo& info) -> Napi::Value {
                          try {
                            Arguments arguments(info);
                            return body(arguments);
                          } catch (const Napi::Error&) {
                            throw;
                          } catch (const std::exception& error) {
                            throw to_javascript(info.Env(), error);
                          }
                        },
                        name));
}

// Adds an operation: `read` makes its struct from the arguments, run() checks and queues it.
template <class Read>
void add_operation(Napi::Object exports, const char* name, Read read) {
  add_function(exports, name, [read](Arguments& arguments) -> Napi::Value {
    run(read(arguments));
    return arguments.env().Undefined();
  });
}

}  // namespace leia::binding
