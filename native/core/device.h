// A device owns memory and one stream: a FIFO of work that runs beside the calling thread.
// Enqueuing returns at once. Work that fails leaves what it should have written poisoned
// (core/failures.h): what reads that is skipped, all other work goes on.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/failures.h"
#include "core/tensor.h"
#include "core/work.h"

namespace leia {

// Which execution of an operation a device takes. The emulator's device takes that of CUDA.
enum class DeviceKind { cpu, cuda };
constexpr size_t kDeviceKinds = 2;

// Work that was captured, to be queued again as often as wanted. It keeps its tensors alive.
class Graph {
 public:
  explicit Graph(std::vector<WorkPtr> work) : work_(std::move(work)) {}
  virtual ~Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  const std::vector<WorkPtr>& work() const { return work_; }

 private:
  std::vector<WorkPtr> work_;
};

// A point in a device's stream, with the time at which it was reached.
class Event {
 public:
  virtual ~Event() = default;
  // Both must be of the same device. Throws "usage" if one has not been reached yet.
  virtual double milliseconds_since(const Event& earlier) const = 0;
};

// Keeps the largest of the numbers that it is told, from any thread.
class HighWater {
 public:
  void raise(int64_t value) {
    int64_t before = most_.load();
    while (before < value && !most_.compare_exchange_weak(before, value)) {
    }
  }
  int64_t value() const { return most_.load(); }

 private:
  std::atomic<int64_t> most_{0};
};

struct DeviceProperties {
  std::string description;  // "NVIDIA H200, compute capability 9.0"
  int64_t free_bytes = 0;
  int64_t total_bytes = 0;
};

class Device : public std::enable_shared_from_this<Device> {
 public:
  // Is called on an unspecified thread, with what went wrong or nullptr.
  using Done = std::function<void(const FailurePtr&)>;

  // Opens the named device, with a stream of its own. Throws "unavailable", saying how to get it,
  // if it is missing.
  static std::shared_ptr<Device> open(const std::string& name);
  // One name for each device: "cuda" for "cuda:0". What names no device stays as it is.
  static std::string canonical_name(const std::string& name);

  virtual ~Device() = default;
  virtual DeviceKind kind() const = 0;
  virtual std::string name() const = 0;
  virtual DeviceProperties properties() const = 0;

  // Uninitialised memory, aligned to 64 bytes. Throws "execution" when there is not enough.
  std::shared_ptr<Storage> allocate(size_t bytes);
  // Called by Storage.
  void release(void* data, size_t bytes) noexcept;
  int64_t live_bytes() const { return live_bytes_.load(); }
  // The most memory that was taken at once until now: tensors, what operations need beside them
  // while they run, and what was kept for later.
  virtual int64_t peak_bytes() const = 0;

  // Queues the work, or adds it to the graph that is being captured. With LEIA_DEBUG=1 it is done
  // when this returns, and its error is thrown.
  void enqueue(WorkPtr work);
  // Copies between host and device, in the stream's order. Both throw "usage" during a capture.
  void write(const Tensor& target, std::vector<std::byte> values);
  // `done` is called when `values` are there, or with the failure that poisoned the tensor's
  // memory.
  void read(const Tensor& source, std::byte* values, Done done);
  // Host memory that read() fills without keeping later work from being launched. Must outlive the
  // reads, and may outlive the device. Throws "execution" when there is not enough.
  virtual std::shared_ptr<std::byte> allocate_host(size_t bytes);
  std::shared_ptr<Event> record_event();

  // Between the two, work is collected instead of run.
  void begin_capture();
  std::shared_ptr<Graph> end_capture();
  bool is_capturing() const { return capture_ != nullptr; }
  // Queues the graph's work, as enqueue() does each piece.
  void replay(const std::shared_ptr<Graph>& graph);

  // `done` is called after all work enqueued before. It gets the first failure since the last
  // synchronisation, leaving out those that a reader of poisoned memory was given. Throws "usage"
  // during a capture.
  void synchronize(Done done);
  // The same for the end of the program, when it is no failure that the device cannot be used any
  // more.
  void conclude(Done done);
  // Whether nothing was queued since the last synchronisation.
  bool is_synchronized() const { return is_synchronized_; }
  // Skips all work that has not begun, for the end of the program.
  virtual void abandon() = 0;
  // The first failure that JavaScript never got, once all work is done or abandoned.
  FailurePtr first_untold_failure() const { return failures_.first_untold(); }

 protected:
  virtual void* allocate_bytes(size_t bytes) = 0;  // nullptr when out of memory
  virtual void free_bytes(void* data) noexcept = 0;
  // `done`, if there is one, is called with how this work went.
  virtual void queue(WorkPtr work, Done done) = 0;
  virtual WorkPtr make_write(const Tensor& target, std::vector<std::byte> values) = 0;
  virtual void queue_read(const Tensor& source, std::byte* values, Done done) = 0;
  // The same for a graph; `done` gets the first failure of its work.
  virtual void queue_replay(const std::shared_ptr<Graph>& graph, Done done) = 0;
  virtual std::shared_ptr<Event> queue_event() = 0;
  // `done` is called after all work queued before, on the thread that keeps the account: with the
  // failure that makes the device useless, or nullptr.
  virtual void queue_barrier(Done done) = 0;
  virtual std::shared_ptr<Graph> make_graph(std::vector<WorkPtr> work) = 0;

  // Calls `done`, if there is one, with what went wrong; no synchronisation reports that again.
  static void finish(const Done& done, const FailurePtr& failure);

  int64_t peak_live_bytes() const { return peak_live_bytes_.value(); }

  Failures failures_;

 private:
  template <class Queue>
  void start(const Queue& queue_with);
  void refuse_capture(const char* call) const;

  std::atomic<int64_t> live_bytes_{0};
  HighWater peak_live_bytes_;
  std::unique_ptr<std::vector<WorkPtr>> capture_;
  bool is_synchronized_ = true;
};

// Runs one piece of work. A failure is rethrown with the work's description.
void run_described(const Work& work, ExecutionContext& context, const Device& device);

// With LEIA_DEBUG=1 every operation runs at once and throws where it was called.
bool run_immediately();

// With LEIA_POISON=1 new memory holds bytes 0xff: NaN in every float type.
bool poison_memory();

// Opens a new CPU device. Set by cpu/cpu_device.cpp, which is part of every build.
inline std::shared_ptr<Device> (*open_cpu_device)() = nullptr;

// Set where CUDA, or the emulator in its place, is linked in: the name of its devices ("cuda" or
// "emulated") and the function that opens the device of a given number.
struct CudaSupport {
  const char* name = nullptr;
  std::shared_ptr<Device> (*open)(int ordinal) = nullptr;
  int (*count)() = nullptr;  // throws "unavailable" with the reason if there is none
};
inline CudaSupport cuda_support;

}  // namespace leia
