#include "binding/arguments.h"

#include <cmath>

#include "binding/instance.h"
#include "binding/js_tensor.h"
#include "binding/names.h"

namespace leia::binding {

namespace {

std::string kind_of(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_null:
      return "null";
    case napi_boolean:
      return "a boolean";
    case napi_number:
      return "a number";
    case napi_string:
      return "a string";
    case napi_function:
      return "a function";
    default:
      return "an object";
  }
}

Napi::Error make_error(Napi::Env env, const char* code, const std::string& message) {
  auto* instance = env.GetInstanceData<Instance>();
  if (instance != nullptr && !instance->error_class.IsEmpty()) {
    Napi::Value error = instance->error_class.New(
        {Napi::String::New(env, code), Napi::String::New(env, in_javascript(message))});
    return Napi::Error(env, error);
  }
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

}  // namespace

void Arguments::wrong(const char* name, const char* expected, const Napi::Value& value) const {
  if (value.IsUndefined()) {
    fail("argument", text(call_, ": ", name, " is missing, expected ", expected));
  }
  fail("argument", text(call_, ": ", name, " is ", kind_of(value), ", expected ", expected));
}

Tensor Arguments::to_tensor(const char* name, const Napi::Value& value) const {
  const JsTensor* wrapped = JsTensor::from(value);
  if (wrapped == nullptr) wrong(name, "a Tensor", value);
  if (!wrapped->tensor()) {
    fail("usage", text(call_, ": ", name, " was disposed, expected a tensor with memory"));
  }
  return wrapped->tensor();
}

Tensor Arguments::tensor(const char* name) {
  return to_tensor(name, value());
}

Tensor Arguments::optional_tensor(const char* name) {
  const Napi::Value value = this->value();
  return value.IsUndefined() || value.IsNull() ? Tensor{} : to_tensor(name, value);
}

std::vector<Tensor> Arguments::tensors(const char* name) {
  return to_tensors(name, value());
}

std::vector<Tensor> Arguments::optional_tensors(const char* name) {
  const Napi::Value value = this->value();
  if (value.IsUndefined() || value.IsNull()) return {};
  return to_tensors(name, value);
}

std::vector<Tensor> Arguments::to_tensors(const char* name, const Napi::Value& value) const {
  if (!value.IsArray()) wrong(name, "an array of Tensors", value);
  const auto array = value.As<Napi::Array>();
  std::vector<Tensor> result;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    result.push_back(to_tensor(text(name, "[", i, "]").c_str(), array[i]));
  }
  return result;
}

double Arguments::to_number(const char* name, const Napi::Value& value) const {
  if (!value.IsNumber()) wrong(name, "a number", value);
  return value.As<Napi::Number>().DoubleValue();
}

int64_t Arguments::to_integer(const char* name, const Napi::Value& value) const {
  const double number = to_number(name, value);
  if (!(std::abs(number) <= 9007199254740991.0) || std::trunc(number) != number) {
    fail("argument", text(call_, ": ", name, " is ", number, ", expected an integer"));
  }
  return static_cast<int64_t>(number);
}

double Arguments::number(const char* name) {
  return to_number(name, value());
}

int64_t Arguments::integer(const char* name) {
  return to_integer(name, value());
}

std::vector<int64_t> Arguments::integers(const char* name) {
  const Napi::Value value = this->value();
  if (!value.IsArray()) wrong(name, "an array of integers", value);
  const auto array = value.As<Napi::Array>();
  std::vector<int64_t> result;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    result.push_back(to_integer(text(name, "[", i, "]").c_str(), array[i]));
  }
  return result;
}

bool Arguments::boolean(const char* name) {
  const Napi::Value value = this->value();
  if (!value.IsBoolean()) wrong(name, "a boolean", value);
  return value.As<Napi::Boolean>().Value();
}

std::string Arguments::string(const char* name) {
  const Napi::Value value = this->value();
  if (!value.IsString()) wrong(name, "a string", value);
  return value.As<Napi::String>().Utf8Value();
}

Napi::Uint8Array Arguments::bytes(const char* name) {
  const Napi::Value value = this->value();
  const bool fits =
      value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
  if (!fits) wrong(name, "a Uint8Array", value);
  return value.As<Napi::Uint8Array>();
}

Napi::Error to_javascript(Napi::Env env, const std::exception& error) {
  const auto* own = dynamic_cast<const Error*>(&error);
  return make_error(env, own != nullptr ? own->code() : "execution", error.what());
}

Napi::Error to_javascript(Napi::Env env, std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    return to_javascript(env, exception);
  } catch (...) {
    return make_error(env, "execution", "unknown native error");
  }
}

}  // namespace leia::binding
