// The CUDA runtime of the emulated devices: memory is the host's, a stream is a thread that does
// what was queued in order. As on a GPU, an error of a kernel stays with its stream for good.
#include "cuda/runtime.h"

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/error.h"
#include "core/host_memory.h"
#include "core/libstdcxx_floor.h"
#include "core/serial_thread.h"
#include "emulator/launch.h"

namespace leia::gpu {

namespace {

using Task = std::function<void()>;
using Clock = std::chrono::steady_clock;

// As many as a test needs to see that they are apart.
constexpr int kDevices = 2;
constexpr size_t kAlignment = 256;

}  // namespace

struct GraphHandle {
  std::vector<Task> tasks;
};

struct StreamHandle {
  std::unique_ptr<GraphHandle> capture;
  std::exception_ptr error;  // of the thread alone
  SerialThread thread;

  // Does it after what was queued before, unless that failed.
  void queue(Task task) {
    thread.push([this, task = std::move(task)] {
      if (error) return;
      try {
        task();
      } catch (...) {
        error = std::current_exception();
      }
    });
  }
};

struct EventHandle {
  std::mutex mutex;
  std::condition_variable reached;
  bool is_reached = true;
  Clock::time_point time;
  std::exception_ptr error;  // of the stream, when it was reached
};

const char* device_kind() {
  return "emulated";
}

int device_count() {
  return kDevices;
}

void use_device(int) {}

std::string describe_device(int) {
  return "CUDA kernels run by the emulator on the CPU, for tests";
}

MemoryState memory_state() {
  return {free_host_memory_bytes(), host_memory_bytes()};
}

void* allocate(size_t bytes) {
  // More than there is would be given out, and missing at its first use.
  if (bytes > static_cast<size_t>(host_memory_bytes())) return nullptr;
  return std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
}

void free(void* data) noexcept {
  std::free(data);
}

void* allocate_pinned(size_t bytes) {
  void* data = allocate(bytes);
  if (data == nullptr) fail("execution", text("no ", bytes, " bytes of pinned memory"));
  return data;
}

void free_pinned(void* data) noexcept {
  std::free(data);
}

Stream create_stream() {
  return new StreamHandle();
}

void destroy(Stream stream) noexcept {
  const Event last = create_event();
  record(last, stream);
  {
    std::unique_lock lock(last->mutex);
    last->reached.wait(lock, [&] { return last->is_reached; });
  }
  destroy(last);
  delete stream;
}

void copy(void* to, const void* from, size_t bytes, Stream stream) {
  emulator::queue(stream, [=] { std::memcpy(to, from, bytes); });
}

void fill(void* to, int byte, size_t bytes, Stream stream) {
  emulator::queue(stream, [=] { std::memset(to, byte, bytes); });
}

Event create_event() {
  return new EventHandle();
}

void destroy(Event event) noexcept {
  delete event;
}

void record(Event event, Stream stream) {
  if (stream->capture != nullptr) fail("execution", "an event was recorded during a capture");
  {
    std::lock_guard lock(event->mutex);
    event->is_reached = false;
  }
  stream->thread.push([event, stream] {
    std::lock_guard lock(event->mutex);
    event->time = Clock::now();
    event->error = stream->error;
    event->is_reached = true;
    event->reached.notify_all();
  });
}

void wait(Event event) {
  std::unique_lock lock(event->mutex);
  event->reached.wait(lock, [&] { return event->is_reached; });
  if (event->error) std::rethrow_exception(event->error);
}

float milliseconds_between(Event earlier, Event later) {
  for (const Event event : {earlier, later}) {
    std::lock_guard lock(event->mutex);
    if (!event->is_reached) fail("usage", "an event was not reached yet");
  }
  return std::chrono::duration<float, std::milli>(later->time - earlier->time).count();
}

void begin_capture(Stream stream) {
  if (stream->capture != nullptr) fail("execution", "a capture within a capture");
  stream->capture = std::make_unique<GraphHandle>();
}

Graph end_capture(Stream stream) {
  return stream->capture.release();
}

void abandon_capture(Stream stream) noexcept {
  stream->capture.reset();
}

void destroy(Graph graph) noexcept {
  delete graph;
}

void launch(Graph graph, Stream stream) {
  for (const Task& task : graph->tasks) stream->queue(task);
}

}  // namespace leia::gpu

namespace leia::emulator {

void queue(gpu::Stream stream, std::function<void()> task) {
  if (stream->capture != nullptr) {
    stream->capture->tasks.push_back(std::move(task));
  } else {
    stream->queue(std::move(task));
  }
}

}  // namespace leia::emulator
