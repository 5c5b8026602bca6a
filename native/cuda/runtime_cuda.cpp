// The CUDA runtime behind cuda/runtime.h. Linked statically; it opens the driver, libcuda.so.1, at
// its first call, so a machine without one loads this as well.
#include <cuda_runtime_api.h>

#include "core/error.h"
#include "cuda/cublaslt.h"
#include "cuda/nccl.h"
#include "cuda/peer_access.h"
#include "cuda/requirements.h"
#include "cuda/runtime.h"
#include "cuda/stream_order.h"

namespace leia::gpu {

namespace {

void check(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  (void)cudaGetLastError();  // it is said here: nothing later may take it for its own
  fail("execution", text(call, ": ", cudaGetErrorString(error)));
}

cudaStream_t native(Stream stream) {
  return reinterpret_cast<cudaStream_t>(stream);
}
cudaEvent_t native(Event event) {
  return reinterpret_cast<cudaEvent_t>(event);
}

int version(cudaError_t (*get)(int*)) {
  int value = 0;
  return get(&value) == cudaSuccess ? value : 0;
}

}  // namespace

const char* device_kind() {
  return "cuda";
}

int device_count() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return count;
  (void)cudaGetLastError();
  // "No driver" and "driver too old" are the same error of the runtime.
  require_driver(version(cudaDriverGetVersion), CUDART_VERSION);
  fail("unavailable", text("device 'cuda': no usable GPU: ", cudaGetErrorString(error),
                           " (CUDA_VISIBLE_DEVICES may hide it); use 'cpu'"));
}

bool can_access_peer(int ordinal, int peer) {
  int can = 0;
  check(cudaDeviceCanAccessPeer(&can, ordinal, peer), "cudaDeviceCanAccessPeer");
  return can != 0;
}

void use_device(int ordinal) {
  check(cudaSetDevice(ordinal), "cudaSetDevice");
}

std::string describe_device(int ordinal) {
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, ordinal), "cudaGetDeviceProperties");
  return text(std::string(properties.name), ", compute capability ", properties.major, ".",
              properties.minor, ", driver for CUDA ",
              cuda_version_text(version(cudaDriverGetVersion)));
}

Limits limits(int ordinal) {
  const auto attribute = [ordinal](cudaDeviceAttr which) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, which, ordinal), "cudaDeviceGetAttribute");
    return int64_t{value};
  };
  return {attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin),
          attribute(cudaDevAttrMultiProcessorCount), attribute(cudaDevAttrL2CacheSize)};
}

ComputeCapability compute_capability(int ordinal) {
  ComputeCapability result{};
  check(cudaDeviceGetAttribute(&result.major, cudaDevAttrComputeCapabilityMajor, ordinal),
        "cudaDeviceGetAttribute");
  check(cudaDeviceGetAttribute(&result.minor, cudaDevAttrComputeCapabilityMinor, ordinal),
        "cudaDeviceGetAttribute");
  return result;
}

int compute_capability_major() {
  int device = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  return compute_capability(device).major;
}

MemoryState memory_state() {
  size_t free_bytes = 0, total_bytes = 0;
  check(cudaMemGetInfo(&free_bytes, &total_bytes), "cudaMemGetInfo");
  return {static_cast<int64_t>(free_bytes), static_cast<int64_t>(total_bytes)};
}

void* allocate(size_t bytes) {
  void* data = nullptr;
  const cudaError_t error = cudaMalloc(&data, bytes);
  // The second is for sizes that no address space has.
  if (error == cudaErrorMemoryAllocation || error == cudaErrorInvalidValue) {
    (void)cudaGetLastError();  // or the next launch would report it
    return nullptr;
  }
  check(error, "cudaMalloc");
  return data;
}

void free(void* data) noexcept {
  (void)cudaFree(data);
}

void* allocate_pinned(size_t bytes) {
  void* data = nullptr;
  check(cudaHostAlloc(&data, bytes, cudaHostAllocDefault), "cudaHostAlloc");
  return data;
}

void free_pinned(void* data) noexcept {
  (void)cudaFreeHost(data);
}

Stream create_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
  return reinterpret_cast<Stream>(stream);
}

void destroy(Stream stream) noexcept {
  (void)cudaStreamSynchronize(native(stream));
  (void)cudaStreamDestroy(native(stream));
}

void copy(void* to, const void* from, size_t bytes, Stream stream) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, native(stream)), "cudaMemcpyAsync");
}

void fill(void* to, int byte, size_t bytes, Stream stream) {
  check(cudaMemsetAsync(to, byte, bytes, native(stream)), "cudaMemsetAsync");
}

// By default a thread that waits for an event keeps a core busy with asking.
Event create_event(EventKind kind) {
  const unsigned flags =
      cudaEventBlockingSync | (kind == EventKind::time ? cudaEventDefault : cudaEventDisableTiming);
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, flags), "cudaEventCreateWithFlags");
  return reinterpret_cast<Event>(event);
}

void destroy(Event event) noexcept {
  (void)cudaEventDestroy(native(event));
}

void record(Event event, Stream stream) {
  check(cudaEventRecord(native(event), native(stream)), "cudaEventRecord");
}

void wait(Event event) {
  check(cudaEventSynchronize(native(event)), "on the GPU");
}

bool is_reached(Event event) {
  const cudaError_t state = cudaEventQuery(native(event));
  if (state != cudaErrorNotReady) check(state, "on the GPU");
  (void)cudaGetLastError();  // "not ready" is no error
  return state == cudaSuccess;
}

void wait(Stream stream, Event event) {
  check(cudaStreamWaitEvent(native(stream), native(event), 0), "cudaStreamWaitEvent");
}

float milliseconds_between(Event earlier, Event later) {
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, native(earlier), native(later)),
        "cudaEventElapsedTime");
  return milliseconds;
}

// Relaxed: other threads go on allocating memory meanwhile.
void begin_capture(Stream stream) {
  check(cudaStreamBeginCapture(native(stream), cudaStreamCaptureModeRelaxed),
        "cudaStreamBeginCapture");
}

Graph end_capture(Stream stream) {
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(native(stream), &graph), "cudaStreamEndCapture");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
  (void)cudaGraphDestroy(graph);
  check(error, "cudaGraphInstantiate");
  return reinterpret_cast<Graph>(executable);
}

void abandon_capture(Stream stream) noexcept {
  cudaGraph_t graph = nullptr;
  if (cudaStreamEndCapture(native(stream), &graph) == cudaSuccess) (void)cudaGraphDestroy(graph);
  (void)cudaGetLastError();  // of a capture that had become invalid
}

// One that still runs is freed when it is done (CUDA driver API, cuGraphExecDestroy).
void destroy(Graph graph) noexcept {
  (void)cudaGraphExecDestroy(reinterpret_cast<cudaGraphExec_t>(graph));
}

void launch(Graph graph, Stream stream) {
  check(cudaGraphLaunch(reinterpret_cast<cudaGraphExec_t>(graph), native(stream)),
        "cudaGraphLaunch");
}

}  // namespace leia::gpu

namespace leia::cublaslt {

const Library& library() {
  return installed_library(true);
}

}  // namespace leia::cublaslt

namespace leia::nccl {

const Library& library() {
  return installed_library();
}

}  // namespace leia::nccl
