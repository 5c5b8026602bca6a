#include "binding/js_tensor.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <vector>

#include "binding/arguments.h"
#include "binding/instance.h"
#include "binding/js_device.h"
#include "binding/synchronization.h"
#include "core/tensor_text.h"

namespace leia::binding {

namespace {

// The handles of this thread's environment. An object may be wrapped by anyone, so a pointer that
// Node gives for one is looked up here before it is used; that takes half the time of type tags.
std::unordered_set<const void*>& handles() {
  thread_local std::unordered_set<const void*> all;
  return all;
}

DType parse_dtype(const std::string& name) {
  for (DType dtype : {DType::float32, DType::bfloat16, DType::int32}) {
    if (name == name_of(dtype)) return dtype;
  }
  fail("argument", text("unknown dtype '", name, "', expected float32, bfloat16 or int32"));
}

Shape parse_shape(const Napi::Value& value) {
  if (!value.IsArray()) fail("argument", "shape: expected an array of sizes");
  const auto array = value.As<Napi::Array>();
  Shape shape;
  double elements = 1;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value item = array[i];
    require(item.IsNumber(), "shape[", i, "] is not a number");
    const double size = item.As<Napi::Number>().DoubleValue();
    require(size >= 0 && size <= 9007199254740991.0 && size == std::trunc(size), "shape[", i,
            "] is ", size, ", expected a whole number of 0 or more");
    elements *= size > 0 ? size : 1;  // so that no partial product is too large either
    shape.append(static_cast<int64_t>(size));
  }
  require(elements <= 2305843009213693951.0, "shape: ", shape, " has too many elements");
  return shape;
}

struct Bytes {
  std::byte* data;
  size_t size;
};

// The bytes of a typed array that holds values of the dtype (bfloat16 as Uint16Array).
Bytes typed_array(const Napi::Value& value, DType dtype) {
  napi_typedarray_type expected = dtype == DType::float32    ? napi_float32_array
                                  : dtype == DType::bfloat16 ? napi_uint16_array
                                                             : napi_int32_array;
  const char* name = dtype == DType::float32    ? "a Float32Array"
                     : dtype == DType::bfloat16 ? "a Uint16Array (bfloat16 bits)"
                                                : "an Int32Array";
  const bool fits =
      value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == expected;
  require(fits, "expected ", name, " for a tensor of ", name_of(dtype));
  // Not through its ArrayBuffer, which may be a SharedArrayBuffer.
  void* data = nullptr;
  size_t length = 0;
  const napi_status status =
      napi_get_typedarray_info(value.Env(), value, nullptr, &length, &data, nullptr, nullptr);
  if (status != napi_ok) fail("execution", "could not get at the bytes of a typed array");
  return {static_cast<std::byte*>(data), length * size_of(dtype)};
}

Napi::TypedArray new_typed_array(Napi::Env env, const Tensor& tensor) {
  const auto elements = static_cast<size_t>(tensor.elements());
  switch (tensor.dtype) {
    case DType::float32:
      return Napi::Float32Array::New(env, elements);
    case DType::bfloat16:
      return Napi::Uint16Array::New(env, elements);
    case DType::int32:
      return Napi::Int32Array::New(env, elements);
  }
  fail("argument", "unknown dtype");
}

}  // namespace

Napi::Function JsTensor::define(Napi::Env env) {
  return DefineClass(
      env, "NativeTensor",
      {InstanceMethod<&JsTensor::dispose>("dispose"), InstanceMethod<&JsTensor::view>("view"),
       InstanceMethod<&JsTensor::write>("write"), InstanceMethod<&JsTensor::read>("read")});
}

const JsTensor* JsTensor::from(const Napi::Value& value) {
  void* wrapped = nullptr;
  if (napi_unwrap(value.Env(), value, &wrapped) != napi_ok) return nullptr;
  return handles().contains(wrapped) ? static_cast<const JsTensor*>(wrapped) : nullptr;
}

// new NativeTensor(device, dtype, shape) allocates; without arguments it is filled in by view().
JsTensor::JsTensor(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (info.Length() == 0) {
    handles().insert(this);
    return;
  }
  guarded(info, [&]() -> Napi::Value {
    Arguments arguments(info, "Tensor");
    const JsDevice* device = JsDevice::from(arguments.value());
    require(device != nullptr, "Tensor: expected a Device");
    tensor_.dtype = parse_dtype(arguments.string("dtype"));
    tensor_.shape = parse_shape(arguments.value());
    tensor_.storage = device->device()->allocate(tensor_.bytes());
    account(info.Env(), static_cast<int64_t>(tensor_.bytes()));
    handles().insert(this);
    return info.This();
  });
}

void JsTensor::account(Napi::Env env, int64_t bytes) {
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes);
  accounted_ += bytes;
}

void JsTensor::Finalize(Napi::Env env) {
  handles().erase(this);
  if (accounted_ != 0) account(env, -accounted_);
}

const Tensor& JsTensor::live(const char* call) const {
  if (!tensor_) {
    fail("usage", text(call, ": this tensor was disposed, expected a tensor with memory"));
  }
  return tensor_;
}

Napi::Value JsTensor::dispose(const Napi::CallbackInfo& info) {
  tensor_.storage.reset();
  if (accounted_ != 0) account(info.Env(), -accounted_);
  return info.Env().Undefined();
}

// view(elementOffset, shape): shares the memory.
Napi::Value JsTensor::view(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    Arguments arguments(info, "view");
    Tensor view = live("view");
    const int64_t offset = arguments.integer("element_offset");
    view.shape = parse_shape(arguments.value());
    require(offset >= 0 && offset <= tensor_.elements() &&
                view.elements() <= tensor_.elements() - offset,
            "view: ", view.shape, " at element ", offset, " does not fit into ", tensor_);
    view.byte_offset += offset * static_cast<int64_t>(size_of(view.dtype));
    Napi::Object result = info.Env().GetInstanceData<Instance>()->tensor_class.New({});
    Unwrap(result)->tensor_ = std::move(view);
    return result;
  });
}

// write(typedArray): the values are copied before this returns.
Napi::Value JsTensor::write(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Tensor& target = live("write");
    const Bytes bytes = typed_array(info[0], target.dtype);
    require(bytes.size == target.bytes(), "write: got ", bytes.size / size_of(target.dtype),
            " values for a tensor of ", target);
    target.storage->device()->write(target, {bytes.data, bytes.data + bytes.size});
    return info.Env().Undefined();
  });
}

// read(): a promise of a typed array with the values. JavaScript gets the array only when the
// stream has written it, so it can be neither collected nor detached before.
Napi::Value JsTensor::read(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Tensor source = live("read");
    const Napi::TypedArray array = new_typed_array(info.Env(), source);
    const Bytes bytes = typed_array(array, source.dtype);
    return promise_of(info.Env(), array, [&](Device::Done done) {
      source.storage->device()->read(source, bytes.data, std::move(done));
    });
  });
}

void register_tensor(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = JsTensor::define(env);
  env.GetInstanceData<Instance>()->tensor_class = Napi::Persistent(constructor);
  exports.Set("NativeTensor", constructor);
}

}  // namespace leia::binding
