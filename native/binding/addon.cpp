// The addon's entry: one Instance per JavaScript environment, so worker threads may load it too.
#include <napi.h>

#include <future>

#include "binding/arguments.h"
#include "binding/instance.h"
#include "cpu/isa.h"
#include "cpu/thread_pool.h"

namespace leia::binding {

namespace {

Napi::Value cpu_description(Arguments& arguments) {
  Napi::Object result = Napi::Object::New(arguments.env());
  result.Set("isa", name_of(isa()));
  result.Set("bfloat16Dot", has_bf16_dot());
  result.Set("threads", ThreadPool::shared().threads());
  return result;
}

}  // namespace

static Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Instance());
  // Queued reads write into this environment's buffers: they end before it does.
  env.AddCleanupHook([] {
    std::promise<void> drained;
    Device::open("cpu")->synchronize([&](std::exception_ptr) { drained.set_value(); });
    drained.get_future().wait();
  });
  // setErrorClass(LeiaError): the class whose instances native code throws.
  add_function(exports, "setErrorClass", [](Arguments& arguments) -> Napi::Value {
    auto* instance = arguments.env().GetInstanceData<Instance>();
    instance->error_class = Napi::Persistent(arguments.value().As<Napi::Function>());
    return arguments.env().Undefined();
  });
  add_function(exports, "cpuDescription", cpu_description);
  register_device(env, exports);
  register_tensor(env, exports);
  register_operations(env, exports);
  return exports;
}

}  // namespace leia::binding

static Napi::Object initialize_addon(Napi::Env env, Napi::Object exports) {
  return leia::binding::initialize(env, exports);
}

NODE_API_MODULE(leia, initialize_addon)
