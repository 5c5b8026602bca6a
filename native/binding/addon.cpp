// The addon's entry: one Instance per JavaScript environment, so worker threads may load it too.
#include <napi.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "binding/arguments.h"
#include "binding/instance.h"
#include "core/operation.h"
#include "cpu/isa.h"
#include "cpu/thread_pool.h"
#include "cuda/cublaslt.h"

namespace leia::binding {

namespace {

Napi::Value cpu_description(Arguments& arguments) {
  Napi::Object result = Napi::Object::New(arguments.env());
  result.Set("isa", name_of(isa()));
  result.Set("bfloat16Dot", has_bf16_dot());
  result.Set("threads", ThreadPool::shared().threads());
  return result;
}

// Native names of the operations with CUDA kernels in this build, e.g. "rms_norm_forward".
Napi::Value cuda_operation_names(Arguments& arguments) {
  Napi::Array result = Napi::Array::New(arguments.env());
  uint32_t count = 0;
  for (const std::string& name : operations_on(DeviceKind::cuda)) result.Set(count++, name);
  return result;
}

// cublasLtDescription(onGpu): the cuBLASLt that products on a GPU use, { path, version }. With a
// GPU it has been tried out.
Napi::Value cublaslt_description(Arguments& arguments) {
  const cublaslt::Library& library = cublaslt::installed_library(arguments.boolean("on_gpu"));
  Napi::Object result = Napi::Object::New(arguments.env());
  result.Set("path", library.path);
  result.Set("version", static_cast<double>(library.get_version()));
  return result;
}

// releaseFreeMemory(): gives freed memory back to the system. glibc keeps it in a heap for each
// thread, and does not shrink a heap while something at its end is in use.
Napi::Value release_free_memory(Arguments& arguments) {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
  return arguments.env().Undefined();
}

}  // namespace

static Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  auto* instance = new Instance();
  env.SetInstanceData(instance);  // deleted after the hook
  env.AddCleanupHook([](Instance* own) { own->stop(); }, instance);
  // setErrorClass(LeiaError): the class whose instances native code throws.
  add_function(exports, "setErrorClass", [](Arguments& arguments) -> Napi::Value {
    const Napi::Value error_class = arguments.value();
    require(error_class.IsFunction(), "setErrorClass: expected a class");
    auto* own = arguments.env().GetInstanceData<Instance>();
    own->error_class = Napi::Persistent(error_class.As<Napi::Function>());
    return arguments.env().Undefined();
  });
  add_function(exports, "cpuDescription", cpu_description);
  add_function(exports, "cudaOperations", cuda_operation_names);
  add_function(exports, "cublasLtDescription", cublaslt_description);
  add_function(exports, "releaseFreeMemory", release_free_memory);
  register_device(env, exports);
  register_tensor(env, exports);
  register_communicator(env, exports);
  register_operations(env, exports);
  register_bpe(env, exports);
  register_bzip2(env, exports);
  register_json_line(env, exports);
  register_page_scan(env, exports);
  register_wikitext(env, exports);
  register_file_map(env, exports);
  return exports;
}

}  // namespace leia::binding

static Napi::Object initialize_addon(Napi::Env env, Napi::Object exports) {
  return leia::binding::initialize(env, exports);
}

NODE_API_MODULE(leia, initialize_addon)
