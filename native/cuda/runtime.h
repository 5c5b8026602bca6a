// What a device needs of the CUDA runtime, and no more: memory, one stream, events, graphs. Linked
// to the CUDA runtime itself (runtime_cuda.cpp) or to the emulator's streams
// (emulator/runtime.cpp), so that the device above it is the same code on a GPU and in tests.
//
// Every call throws Error "execution" with what CUDA says, unless noted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace leia::gpu {

// "cuda" or "emulated".
const char* device_kind();
// Throws "unavailable" with the reason and the way out if there is no device.
int device_count();
// Sets the device that the calling thread's next calls act on, which is the first unless set.
// Throws the error of a kernel that ran on it.
void use_device(int ordinal);
// "NVIDIA H200, compute capability 9.0, driver 13.0"
std::string describe_device(int ordinal);
struct ComputeCapability {
  int major, minor;  // 9 and 0 of "9.0"
};
ComputeCapability compute_capability(int ordinal);
// 9 of "9.0", of the calling thread's device.
int compute_capability_major();

// What kernels choose their sizes and their order by.
struct Limits {
  int64_t most_shared_bytes;  // that a block can ask for
  int64_t multiprocessors;
  int64_t cache_bytes;  // of the L2 cache
};
Limits limits(int ordinal);

struct MemoryState {
  int64_t free_bytes, total_bytes;
};
MemoryState memory_state();

void* allocate(size_t bytes);  // aligned to 256 bytes; nullptr when out of memory
void free(void* data) noexcept;
void* allocate_pinned(size_t bytes);  // host memory that copies without waiting
void free_pinned(void* data) noexcept;

using Stream = struct StreamHandle*;
Stream create_stream();
void destroy(Stream stream) noexcept;
// Either side may be the device's memory or pinned.
void copy(void* to, const void* from, size_t bytes, Stream stream);
void fill(void* to, int byte, size_t bytes, Stream stream);

// Waiting for an event puts the thread to sleep. Only a timed one knows when it was reached: that
// costs the device a little at each.
enum class EventKind { order, time };
using Event = struct EventHandle*;
Event create_event(EventKind kind = EventKind::order);
void destroy(Event event) noexcept;
void record(Event event, Stream stream);
// Until all work before the event is done; throws the error of a kernel.
void wait(Event event);
float milliseconds_between(Event earlier, Event later);  // both timed

// Between the two, what is queued on the stream is collected instead.
using Graph = struct GraphHandle*;
void begin_capture(Stream stream);
Graph end_capture(Stream stream);
void abandon_capture(Stream stream) noexcept;
void destroy(Graph graph) noexcept;  // what was launched runs to its end
void launch(Graph graph, Stream stream);

}  // namespace leia::gpu
