#include "binding/arguments.h"

#include <cmath>

#include "binding/instance.h"
#include "binding/js_tensor.h"

namespace leia::binding {

namespace {

std::string kind_of(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
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

[[noreturn]] void wrong(const char* expected, size_t index, const Napi::Value& value) {
  fail("argument", text("argument ", index, ": expected ", expected, ", got ", kind_of(value)));
}

Napi::Error make_error(Napi::Env env, const char* code, const std::string& message) {
  auto* instance = env.GetInstanceData<Instance>();
  if (instance != nullptr && !instance->error_class.IsEmpty()) {
    Napi::Value error =
        instance->error_class.New({Napi::String::New(env, code), Napi::String::New(env, message)});
    return Napi::Error(env, error);
  }
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

}  // namespace

Tensor Arguments::tensor() {
  const Napi::Value value = this->value();
  const JsTensor* wrapped = JsTensor::from(value);
  if (wrapped == nullptr) wrong("a Tensor", next_ - 1, value);
  return wrapped->tensor();
}

Tensor Arguments::optional_tensor() {
  const Napi::Value value = info_[next_];
  if (value.IsUndefined() || value.IsNull()) {
    ++next_;
    return {};
  }
  return tensor();
}

std::vector<Tensor> Arguments::tensors() {
  const Napi::Value value = this->value();
  if (!value.IsArray()) wrong("an array of Tensors", next_ - 1, value);
  const auto array = value.As<Napi::Array>();
  std::vector<Tensor> result;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value item = array[i];
    const JsTensor* wrapped = JsTensor::from(item);
    if (wrapped == nullptr) wrong("an array of Tensors", next_ - 1, item);
    result.push_back(wrapped->tensor());
  }
  return result;
}

double Arguments::number() {
  const Napi::Value value = this->value();
  if (!value.IsNumber()) wrong("a number", next_ - 1, value);
  return value.As<Napi::Number>().DoubleValue();
}

int64_t Arguments::integer() {
  const Napi::Value value = this->value();
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(std::abs(number) <= 9007199254740991.0) || std::trunc(number) != number) {
    wrong("an integer", next_ - 1, value);
  }
  return static_cast<int64_t>(number);
}

bool Arguments::boolean() {
  const Napi::Value value = this->value();
  if (!value.IsBoolean()) wrong("a boolean", next_ - 1, value);
  return value.As<Napi::Boolean>().Value();
}

std::string Arguments::string() {
  const Napi::Value value = this->value();
  if (!value.IsString()) wrong("a string", next_ - 1, value);
  return value.As<Napi::String>().Utf8Value();
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
