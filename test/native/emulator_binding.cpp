// The emulator's test kernels for JavaScript: an addon of its own, only for tests.
#include <napi.h>

#include "allocator_binding.h"
#include "core/error.h"
#include "emulator_kernels.h"
#include "streams.h"
#include "two_streams.h"

namespace leia::emulator_test {

namespace {

Napi::Value to_array(Napi::Env env, const std::vector<float>& values) {
  Napi::Float32Array array = Napi::Float32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

std::vector<float> to_vector(const Napi::Value& value) {
  const auto array = value.As<Napi::Float32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

template <class Body>
void add(Napi::Object exports, const char* name, Body body) {
  const auto call = [body](const Napi::CallbackInfo& info) -> Napi::Value {
    try {
      return to_array(info.Env(), body(info));
    } catch (const Error& error) {
      throw Napi::Error::New(info.Env(), error.what());
    }
  };
  exports.Set(name, Napi::Function::New(exports.Env(), call, name));
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  register_allocator(env, exports);
  add(exports, "runPlanted", [](const Napi::CallbackInfo& info) {
    return run_planted(info[0].As<Napi::String>(), info[1].As<Napi::Boolean>(),
                       static_cast<uint64_t>(info[2].As<Napi::Number>().Int64Value()));
  });
  add(exports, "multiply", [](const Napi::CallbackInfo& info) {
    return multiply(to_vector(info[0]), to_vector(info[1]), info[2].As<Napi::Boolean>());
  });
  add(exports, "matrixLanes",
      [](const Napi::CallbackInfo& info) { return matrix_lanes(info[0].As<Napi::Boolean>()); });
  add(exports, "bankConflicts",
      [](const Napi::CallbackInfo& info) { return bank_conflicts(info[0].As<Napi::String>()); });
  add(exports, "sumsInTurn", [](const Napi::CallbackInfo& info) {
    return sums_in_turn(info[0].As<Napi::Boolean>(),
                        static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value()));
  });
  const auto number = [](const Napi::Value& value) {
    return value.As<Napi::Number>().Int64Value();
  };
  add(exports, "ticketPlaces", [number](const Napi::CallbackInfo& info) {
    return ticket_places(
        {number(info[0]), number(info[1]), number(info[2]), number(info[3]), number(info[4])});
  });
  add(exports, "backwardSteps", [number](const Napi::CallbackInfo& info) {
    const auto at = [&](size_t i) { return static_cast<int32_t>(number(info[i])); };
    return backward_steps(at(0), at(1), at(2), at(3));
  });
  add(exports, "warpgroupMultiply", [](const Napi::CallbackInfo& info) {
    return warpgroup_multiply(
        to_vector(info[0]), to_vector(info[1]),
        {info[2].As<Napi::Boolean>(), info[3].As<Napi::Boolean>(), info[4].As<Napi::String>(),
         static_cast<uint64_t>(info[5].As<Napi::Number>().Int64Value()),
         info[6].As<Napi::Number>().Uint32Value()});
  });
  add(exports, "readBehindAKernel", [](const Napi::CallbackInfo& info) {
    return read_behind_a_kernel(info[0].As<Napi::Number>().Int64Value(),
                                info[1].As<Napi::Boolean>());
  });
  add(exports, "besideACollective", [](const Napi::CallbackInfo& info) {
    return beside_a_collective(info[0].As<Napi::String>());
  });
  add(exports, "copyToPinned", [](const Napi::CallbackInfo& info) {
    return copy_to_pinned(info[0].As<Napi::Number>().FloatValue());
  });
  add(exports, "loopsThatThrow", [](const Napi::CallbackInfo& info) {
    return loops_that_throw(info[0].As<Napi::Number>().Int32Value(),
                            info[1].As<Napi::Number>().Int64Value(),
                            info[2].As<Napi::Number>().Int64Value(), info[3].As<Napi::String>());
  });
  return exports;
}

}  // namespace

}  // namespace leia::emulator_test

static Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  return leia::emulator_test::initialise(env, exports);
}
NODE_API_MODULE(emulator_tests, initialise)
