// The CUDA runtime of the emulated devices: memory is the host's, a stream is a thread that does
// what was queued in order. A copy to the host arrives when an event behind it is waited for and
// not a moment earlier: until then the host's memory holds garbage. As on a GPU, an error of a
// kernel stays with its device for good, calls act on the calling thread's device, which is the
// first until the thread chooses one.
#include "cuda/runtime.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/error.h"
#include "core/host_memory.h"
#include "core/libstdcxx_floor.h"
#include "core/serial_thread.h"
#include "cuda/peer_access.h"
#include "cuda/requirements.h"
#include "cuda/stream_order.h"
#include "emulator/launch.h"
#include "emulator/places.h"

namespace leia::gpu {

namespace {

using Task = std::function<void()>;
using Clock = std::chrono::steady_clock;

// Enough for tests with several ranks.
constexpr int kDevices = 4;
constexpr size_t kAlignment = 256;

thread_local int current_device = 0;
std::array<std::atomic<bool>, kDevices> broken;

void refuse_broken(int device, const char* call) {
  if (broken[static_cast<size_t>(device)]) {
    fail("execution", text("emulator: ", call, ": a kernel failed on device ", device));
  }
}

// LEIA_EMULATOR_MEMORY: bytes of a device, so that a test can run out of them.
size_t& device_bytes() {
  static size_t bytes = [] {
    const char* value = std::getenv("LEIA_EMULATOR_MEMORY");
    return value == nullptr ? static_cast<size_t>(host_memory_bytes())
                            : static_cast<size_t>(std::strtoull(value, nullptr, 10));
  }();
  return bytes;
}

std::mutex memory_mutex;  // of the bytes above, too
struct Allocation {
  size_t bytes;
  int device;
};
std::map<std::byte*, Allocation> allocated;  // what was given out
size_t allocated_bytes = 0;
std::map<std::byte*, size_t> pinned;  // bytes of host memory

// The device whose memory all of these bytes are; -1 if there is none.
int device_of_memory(const void* address, size_t bytes = 1) {
  auto* const first = static_cast<std::byte*>(const_cast<void*>(address));
  std::lock_guard lock(memory_mutex);
  const auto next = allocated.upper_bound(first);
  if (next == allocated.begin()) return -1;
  const auto& [data, allocation] = *std::prev(next);
  return first + bytes <= data + allocation.bytes ? allocation.device : -1;
}

bool is_pinned(const void* address, size_t bytes) {
  auto* const first = static_cast<std::byte*>(const_cast<void*>(address));
  std::lock_guard lock(memory_mutex);
  const auto next = pinned.upper_bound(first);
  if (next == pinned.begin()) return false;
  const auto& [data, size] = *std::prev(next);
  return first + bytes <= data + size;
}

// A copy to the host that the stream is past.
struct Arrival {
  void* to;
  std::vector<std::byte> bytes;
};

}  // namespace

struct GraphHandle {
  std::vector<Task> tasks;
};

struct StreamHandle {
  std::unique_ptr<GraphHandle> capture;
  const int device = current_device;
  std::exception_ptr error;  // of the thread alone
  // Copies to the host, in their order, and how many there were before these.
  std::mutex arrivals_mutex;
  std::deque<Arrival> arrivals;
  uint64_t arrived = 0;
  SerialThread thread;

  void copy_to_host(void* to, const void* from, size_t bytes) {
    const auto* first = static_cast<const std::byte*>(from);
    std::lock_guard lock(arrivals_mutex);
    arrivals.push_back({to, {first, first + bytes}});
    std::memset(to, 0xa5, bytes);
  }
  // Of all copies so far.
  uint64_t copies() {
    std::lock_guard lock(arrivals_mutex);
    return arrived + arrivals.size();
  }
  // So many copies have arrived when this returns.
  void arrive(uint64_t count) {
    std::lock_guard lock(arrivals_mutex);
    for (; arrived < count; ++arrived) {
      const Arrival& copy = arrivals.front();
      std::memcpy(copy.to, copy.bytes.data(), copy.bytes.size());
      arrivals.pop_front();
    }
  }

  // Does it after what was queued before, unless that failed.
  void queue(Task task) {
    thread.push([this, task = std::move(task)] {
      if (error) return;
      try {
        task();
      } catch (...) {
        error = std::current_exception();
        broken[static_cast<size_t>(device)] = true;
      }
    });
  }
};

// A point of a stream, which outlives the event that was recorded there.
struct Point {
  explicit Point(Stream own) : stream(own) {}
  const Stream stream;
  std::mutex mutex;
  std::condition_variable reached;
  bool is_reached = false;
  Clock::time_point time;
  uint64_t copies = 0;       // to the host that are before it on the stream
  std::exception_ptr error;  // of the stream, when it was reached

  void reach() {
    std::lock_guard lock(mutex);
    time = Clock::now();
    copies = stream->copies();
    error = stream->error;
    is_reached = true;
    reached.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex);
    reached.wait(lock, [this] { return is_reached; });
  }
};

struct EventHandle {
  explicit EventHandle(EventKind own) : kind(own) {}
  const EventKind kind;
  const int device = current_device;
  std::shared_ptr<Point> point;  // where it was recorded last
};

const char* device_kind() {
  return "emulated";
}

// LEIA_EMULATOR_DRIVER: the version of CUDA that a driver is for, as 12040, or 0 for none.
int device_count() {
  constexpr int kToolkit = 13000;
  const char* driver = std::getenv("LEIA_EMULATOR_DRIVER");
  require_driver(driver == nullptr ? kToolkit : std::atoi(driver), kToolkit);
  return kDevices;
}

// The devices' memory is all of this process.
bool can_access_peer(int ordinal, int peer) {
  return ordinal != peer;
}

void use_device(int ordinal) {
  refuse_broken(ordinal, "use_device");
  current_device = ordinal;
}

std::string describe_device(int) {
  return "CUDA kernels run by the emulator on the CPU, for tests";
}

// So few multiprocessors and so small a cache that what is sized by them comes in several parts in
// tests.
Limits limits(int) {
  return {static_cast<int64_t>(emulator::most_shared_bytes()), 4, 256 * 1024};
}

// LEIA_EMULATOR_CAPABILITY: another one, as 75.
ComputeCapability compute_capability(int) {
  static const int capability = [] {
    const char* value = std::getenv("LEIA_EMULATOR_CAPABILITY");
    return value == nullptr ? 90 : std::atoi(value);
  }();
  return {capability / 10, capability % 10};
}

int compute_capability_major() {
  return compute_capability(current_device).major;
}

MemoryState memory_state() {
  std::lock_guard lock(memory_mutex);
  const auto total = static_cast<int64_t>(device_bytes());
  return {std::min(free_host_memory_bytes(), total - static_cast<int64_t>(allocated_bytes)), total};
}

void* allocate(size_t bytes) {
  refuse_broken(current_device, "allocate");
  std::lock_guard lock(memory_mutex);
  // Otherwise the host would give out more memory than there is, and fail at its first use.
  if (allocated_bytes > device_bytes() || bytes > device_bytes() - allocated_bytes) return nullptr;
  void* data = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  if (data != nullptr) {
    allocated.insert({static_cast<std::byte*>(data), {bytes, current_device}});
    allocated_bytes += bytes;
  }
  return data;
}

void limit_device_bytes(size_t bytes) {
  std::lock_guard lock(memory_mutex);
  device_bytes() = bytes;
}

size_t allocated_device_bytes() {
  std::lock_guard lock(memory_mutex);
  return allocated_bytes;
}

void free(void* data) noexcept {
  std::lock_guard lock(memory_mutex);
  const auto found = allocated.find(static_cast<std::byte*>(data));
  if (found == allocated.end()) std::abort();  // nothing that allocate() gave
  allocated_bytes -= found->second.bytes;
  allocated.erase(found);
  std::free(data);
}

void* allocate_pinned(size_t bytes) {
  void* data = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  if (data == nullptr) fail("execution", text("no ", bytes, " bytes of pinned memory"));
  std::lock_guard lock(memory_mutex);
  pinned.emplace(static_cast<std::byte*>(data), bytes);
  return data;
}

void free_pinned(void* data) noexcept {
  std::lock_guard lock(memory_mutex);
  if (pinned.erase(static_cast<std::byte*>(data)) == 0) std::abort();
  std::free(data);
}

Stream create_stream() {
  return new StreamHandle();
}

void destroy(Stream stream) noexcept {
  const Event last = create_event();
  record(last, stream);
  last->point->wait();
  destroy(last);
  delete stream;
}

void copy(void* to, const void* from, size_t bytes, Stream stream) {
  // CUDA takes other memory too, and lets the caller wait.
  for (const void* side : {static_cast<const void*>(to), from}) {
    if (device_of_memory(side, bytes) < 0 && !is_pinned(side, bytes)) {
      fail("execution", "emulator: a copy to or from memory that is neither a device's nor pinned");
    }
  }
  if (device_of_memory(to) >= 0) {
    emulator::queue(stream, [=] { std::memcpy(to, from, bytes); });
  } else {
    emulator::queue(stream, [=] { stream->copy_to_host(to, from, bytes); });
  }
}

void fill(void* to, int byte, size_t bytes, Stream stream) {
  emulator::queue(stream, [=] { std::memset(to, byte, bytes); });
}

Event create_event(EventKind kind) {
  return new EventHandle(kind);
}

void destroy(Event event) noexcept {
  delete event;
}

void record(Event event, Stream stream) {
  if (stream->capture != nullptr) fail("execution", "an event was recorded during a capture");
  if (event->device != stream->device) {
    fail("execution", text("emulator: an event of device ", event->device,
                           " recorded on a stream of device ", stream->device));
  }
  event->point = std::make_shared<Point>(stream);
  stream->thread.push([point = event->point] { point->reach(); });
}

void wait(Event event) {
  const std::shared_ptr<Point> point = event->point;
  if (point == nullptr) return;
  point->wait();
  if (point->error) std::rethrow_exception(point->error);
  point->stream->arrive(point->copies);
}

bool is_reached(Event event) {
  const std::shared_ptr<Point> point = event->point;
  if (point == nullptr) return true;
  std::lock_guard lock(point->mutex);
  if (point->error) std::rethrow_exception(point->error);
  return point->is_reached;
}

void wait(Stream stream, Event event) {
  if (stream->capture != nullptr) fail("execution", "a stream waited for another in a capture");
  if (event->point == nullptr) return;
  stream->thread.push([point = event->point] { point->wait(); });
}

float milliseconds_between(Event earlier, Event later) {
  for (const Event event : {earlier, later}) {
    if (event->kind != EventKind::time) fail("execution", "emulator: an event without a time");
    if (!is_reached(event)) fail("usage", "an event was not reached yet");
  }
  const auto duration = later->point->time - earlier->point->time;
  return std::chrono::duration<float, std::milli>(duration).count();
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

int current_device() {
  return gpu::current_device;
}

int device_of(gpu::Stream stream) {
  return stream->device;
}

int device_of_memory(const void* address, size_t bytes) {
  return gpu::device_of_memory(address, bytes);
}

void queue(gpu::Stream stream, std::function<void()> task) {
  if (gpu::current_device != stream->device) {
    fail("execution", text("emulator: queued on a stream of device ", stream->device,
                           " while the thread's device is ", gpu::current_device));
  }
  if (stream->capture != nullptr) {
    stream->capture->tasks.push_back(std::move(task));
  } else {
    stream->queue(std::move(task));
  }
}

}  // namespace leia::emulator
