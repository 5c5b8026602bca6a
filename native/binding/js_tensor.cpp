#include "binding/js_tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_set>
#include <vector>

#include "binding/arguments.h"
#include "binding/instance.h"
#include "binding/js_device.h"
#include "binding/pressure.h"
#include "binding/synchronization.h"
#include "core/tensor_text.h"

namespace leia::binding {

namespace {

// The handles of this thread's environment. An object may be wrapped by anyone, so a pointer that
// Node gives for one is looked up here before it is used; that takes half the time of type tags.
std::unordered_set<JsTensor*>& handles() {
  thread_local std::unordered_set<JsTensor*> all;
  return all;
}

DType parse_dtype(const std::string& name) {
  for (const DType dtype : kDTypes) {
    if (name == name_of(dtype)) return dtype;
  }
  fail("argument", text("unknown dtype '", name,
                        "', expected float32, bfloat16, float16, int32, int64 or uint8"));
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

// The kind of typed array that holds values of a dtype, and what it is called in errors.
struct ArrayKind {
  napi_typedarray_type type;
  const char* name;
};

ArrayKind array_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return {napi_float32_array, "a Float32Array"};
    case DType::bfloat16:
      return {napi_uint16_array, "a Uint16Array (bfloat16 bits)"};
    case DType::float16:
      return {napi_uint16_array, "a Uint16Array (float16 bits)"};
    case DType::int32:
      return {napi_int32_array, "an Int32Array"};
    case DType::int64:
      return {napi_bigint64_array, "a BigInt64Array"};
    case DType::uint8:
      return {napi_uint8_array, "a Uint8Array"};
  }
  fail("argument", "unknown dtype");
}

Bytes bytes_of(const Napi::Value& array, size_t element_size) {
  // Not through its ArrayBuffer, which may be a SharedArrayBuffer.
  void* data = nullptr;
  size_t length = 0;
  const napi_status status =
      napi_get_typedarray_info(array.Env(), array, nullptr, &length, &data, nullptr, nullptr);
  if (status != napi_ok) fail("execution", "could not get at the bytes of a typed array");
  return {static_cast<std::byte*>(data), length * element_size};
}

bool is_array_of(const Napi::Value& value, napi_typedarray_type type) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type;
}

// The bytes of a typed array that holds values of the dtype.
Bytes typed_array(const Napi::Value& value, DType dtype) {
  const auto [expected, name] = array_of(dtype);
  require(is_array_of(value, expected), "expected ", name, " for a tensor of ", name_of(dtype));
  return bytes_of(value, size_of(dtype));
}

bool is_half(DType dtype) {
  return dtype == DType::bfloat16 || dtype == DType::float16;
}

// Whether values come or go as float32 although the tensor holds fewer bits.
bool is_converted(const Napi::Value& array, DType dtype) {
  return is_half(dtype) && is_array_of(array, napi_float32_array);
}

// How much is allocated until it is looked again which handles were collected.
constexpr int64_t kBytesBetweenLooks = int64_t{256} << 20;

// More external memory than V8 lets grow without a full collection, which it then makes at once.
constexpr int64_t kFarTooMuch = int64_t{1} << 40;

void collect_garbage(Napi::Env env) {
  Napi::MemoryManagement::AdjustExternalMemory(env, kFarTooMuch);
  Napi::MemoryManagement::AdjustExternalMemory(env, -kFarTooMuch);
}

constexpr size_t kBlock = 1024;  // values that are converted at a time

// Makes float32 of the 16-bit floats that fill the second half of the same memory: front to back,
// so that none is overwritten before it is read.
template <class Half>
void widen_in_place(std::byte* memory, size_t count) {
  const std::byte* narrow = memory + count * sizeof(Half);
  Half from[kBlock];
  float to[kBlock];
  for (size_t first = 0; first < count; first += kBlock) {
    const size_t size = std::min(kBlock, count - first);
    std::memcpy(from, narrow + first * sizeof(Half), size * sizeof(Half));
    for (size_t i = 0; i < size; ++i) to[i] = to_float(from[i]);
    std::memcpy(memory + first * sizeof(float), to, size * sizeof(float));
  }
}

void widen_in_place(DType dtype, std::byte* memory, size_t count) {
  if (dtype == DType::bfloat16) return widen_in_place<bfloat16>(memory, count);
  widen_in_place<float16>(memory, count);
}

// Makes float64 of int64 where they are. Throws for one that it does not hold.
void make_doubles(std::byte* memory, size_t count) {
  constexpr int64_t kEnd = int64_t{1} << 53;
  for (size_t i = 0; i < count; ++i) {
    int64_t whole;
    std::memcpy(&whole, memory + i * sizeof(whole), sizeof(whole));
    require(whole >= -kEnd && whole <= kEnd, "read: element ", i, " is ", whole,
            ", more than a number has exactly; readBits() gives a BigInt64Array");
    const auto number = static_cast<double>(whole);
    std::memcpy(memory + i * sizeof(number), &number, sizeof(number));
  }
}

// The bytes of float32 values, rounded to 16 bits.
template <class Half>
std::vector<std::byte> narrow(const Bytes& values) {
  const size_t count = values.size / sizeof(float);
  std::vector<std::byte> result(count * sizeof(Half));
  float from[kBlock];
  Half to[kBlock];
  for (size_t first = 0; first < count; first += kBlock) {
    const size_t size = std::min(kBlock, count - first);
    std::memcpy(from, values.data + first * sizeof(float), size * sizeof(float));
    for (size_t i = 0; i < size; ++i) to[i] = from_float<Half>(from[i]);
    std::memcpy(result.data() + first * sizeof(Half), to, size * sizeof(Half));
  }
  return result;
}

std::vector<std::byte> narrow(DType dtype, const Bytes& values) {
  return dtype == DType::bfloat16 ? narrow<bfloat16>(values) : narrow<float16>(values);
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
  auto* handle = static_cast<JsTensor*>(wrapped);
  return handles().contains(handle) ? handle : nullptr;
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
    Tensor tensor;
    tensor.dtype = parse_dtype(arguments.string("dtype"));
    tensor.shape = parse_shape(arguments.value());
    tensor.storage = allocate(info.Env(), *device->device(), tensor.bytes());
    take(std::move(tensor));
    account(info.Env(), static_cast<int64_t>(tensor_.bytes()));
    handles().insert(this);
    return info.This();
  });
}

std::shared_ptr<Storage> JsTensor::allocate(Napi::Env env, Device& device, size_t bytes) {
  thread_local int64_t since_looked = 0;
  since_looked += static_cast<int64_t>(bytes);
  if (since_looked > kBytesBetweenLooks) {
    since_looked = 0;
    release_collected(env);
    if (has_grown(device)) {
      collect_garbage(env);
      release_collected(env);
      note_collected(device);
    }
  }
  wait_if_ahead(device);
  try {
    return device.allocate(bytes);
  } catch (const Error&) {
    if (device.is_capturing()) throw;
  }
  release_collected(env);
  wait_until_done(device);
  return device.allocate(bytes);
}

void JsTensor::take(Tensor tensor) {
  tensor_ = std::move(tensor);
  hold(tensor_);
}

void JsTensor::release(Napi::Env env) {
  if (tensor_) let_go(tensor_);
  tensor_.storage.reset();
  if (accounted_ != 0) account(env, -accounted_);
}

// Node calls finalisers only when JavaScript has come back to the event loop, which a loop that
// never awaits does not do. That the object is gone shows before.
void JsTensor::release_collected(Napi::Env env) {
  const Napi::HandleScope scope(env);
  for (JsTensor* handle : handles()) {
    if (handle->tensor_ && handle->Value().IsEmpty()) handle->release(env);
  }
}

void JsTensor::account(Napi::Env env, int64_t bytes) {
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes);
  accounted_ += bytes;
}

void JsTensor::Finalize(Napi::Env env) {
  handles().erase(this);
  release(env);
}

const Tensor& JsTensor::live(const char* call) const {
  if (!tensor_) {
    fail("usage", text(call, ": this tensor was disposed, expected a tensor with memory"));
  }
  return tensor_;
}

Napi::Value JsTensor::dispose(const Napi::CallbackInfo& info) {
  release(info.Env());
  return info.Env().Undefined();
}

// view(elementOffset, shape): shares the memory.
Napi::Value JsTensor::view(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    Arguments arguments(info, "view");
    Tensor view = live("view");
    const int64_t offset = arguments.integer("elementOffset");
    view.shape = parse_shape(arguments.value());
    require(offset >= 0 && offset <= tensor_.elements() &&
                view.elements() <= tensor_.elements() - offset,
            "view: ", view.shape, " at element ", offset, " does not fit into ", tensor_);
    view.byte_offset += offset * static_cast<int64_t>(size_of(view.dtype));
    Napi::Object result = info.Env().GetInstanceData<Instance>()->tensor_class.New({});
    Unwrap(result)->take(std::move(view));
    return result;
  });
}

// write(typedArray): the values are copied before this returns. Those of a Float32Array are rounded
// for a tensor of bfloat16 or float16.
Napi::Value JsTensor::write(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Tensor& target = live("write");
    const bool rounded = is_converted(info[0], target.dtype);
    const DType dtype = rounded ? DType::float32 : target.dtype;
    const Bytes bytes = typed_array(info[0], dtype);
    const size_t count = bytes.size / size_of(dtype);
    require(count == static_cast<size_t>(target.elements()), "write: got ", count,
            " values for a tensor of ", target);
    Device& device = *target.storage->device();
    wait_if_ahead(device, static_cast<int64_t>(target.bytes()));
    device.write(target, rounded ? narrow(target.dtype, bytes)
                                 : std::vector<std::byte>(bytes.data, bytes.data + bytes.size));
    return info.Env().Undefined();
  });
}

// read(typedArray): a promise of the array with the values in it; in a Float32Array 16-bit floats
// as float32, in a Float64Array int64 as float64. They are made so on the thread that ends the
// read, and not on JavaScript's.
Napi::Value JsTensor::read(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Tensor source = live("read");
    const bool widened = is_converted(info[0], source.dtype);
    const bool as_doubles =
        source.dtype == DType::int64 && is_array_of(info[0], napi_float64_array);
    const Bytes bytes = as_doubles ? bytes_of(info[0], sizeof(double))
                                   : typed_array(info[0], widened ? DType::float32 : source.dtype);
    const size_t count = bytes.size / (widened ? sizeof(float) : size_of(source.dtype));
    require(count == static_cast<size_t>(source.elements()), "read: got an array of ", count,
            " values for a tensor of ", source);
    std::byte* values = bytes.data + (widened ? bytes.size - source.bytes() : 0);
    return promise_of(info.Env(), info[0], [&](Device::Done done) {
      source.storage->device()->read(
          source, values,
          [widened, as_doubles, from = source.dtype, memory = bytes.data, count,
           done = std::move(done)](const FailurePtr& failure) {
            if (failure != nullptr) return done(failure);
            try {
              if (widened) widen_in_place(from, memory, count);
              if (as_doubles) make_doubles(memory, count);
              done(nullptr);
            } catch (const Error&) {
              done(std::make_shared<Failure>(std::current_exception(), 0));
            }
          });
    });
  });
}

void register_tensor(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = JsTensor::define(env);
  env.GetInstanceData<Instance>()->tensor_class = Napi::Persistent(constructor);
  exports.Set("NativeTensor", constructor);
}

}  // namespace leia::binding
