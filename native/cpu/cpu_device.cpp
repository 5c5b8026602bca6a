// The CPU as a device: a thread serves its stream, the shared thread pool runs each kernel.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

#include "core/device.h"
#include "core/host_memory.h"
#include "core/serial_thread.h"
#include "cpu/cpu_context.h"
#include "cpu/isa.h"

namespace leia {

namespace {

constexpr size_t kAlignment = 64;

using Clock = std::chrono::steady_clock;

class CpuEvent final : public Event {
 public:
  void reach() { time_ = Clock::now().time_since_epoch().count(); }
  double milliseconds_since(const Event& earlier) const override {
    const auto* other = dynamic_cast<const CpuEvent*>(&earlier);
    const Clock::rep start = other == nullptr ? 0 : other->time_.load();
    const Clock::rep end = time_.load();
    if (start == 0 || end == 0) {
      fail("usage", "an event was not reached yet; await device.synchronize() first");
    }
    return std::chrono::duration<double, std::milli>(Clock::duration(end - start)).count();
  }

 private:
  std::atomic<Clock::rep> time_{0};
};

class CpuDevice final : public Device {
 public:
  DeviceKind kind() const override { return DeviceKind::cpu; }
  std::string name() const override { return "cpu"; }
  DeviceProperties properties() const override {
    return {text(ThreadPool::shared().threads(), " threads, ", name_of(isa())),
            free_host_memory_bytes(), host_memory_bytes()};
  }

  void replay(const std::shared_ptr<Graph>& graph) override {
    for (const Work& work : graph->work()) queue(work);
  }

  void abandon() override { abandoned_ = true; }

 protected:
  void* allocate_bytes(size_t bytes) override {
    const size_t rounded = (bytes + kAlignment) / kAlignment * kAlignment;
    if (rounded < bytes) return nullptr;
    void* data = std::aligned_alloc(kAlignment, rounded);
    if (data != nullptr && poison_memory()) std::memset(data, 0xff, rounded);
    return data;
  }
  void free_bytes(void* data) noexcept override { std::free(data); }

  void queue(Work work) override {
    if (run_immediately()) {
      std::lock_guard lock(immediate_);
      execute(work);
      return;
    }
    thread_.push([this, work = std::move(work)] {
      if (error_ || abandoned_) return;
      try {
        execute(work);
      } catch (...) {
        error_ = std::current_exception();
      }
    });
  }

  void queue_write(const Tensor& target, std::vector<std::byte> values) override {
    const auto shared = std::make_shared<std::vector<std::byte>>(std::move(values));
    queue({[target, shared](ExecutionContext&) {
             std::copy(shared->begin(), shared->end(), target.data<std::byte>());
           },
           [target] { return text("write(tensor: ", target.to_string(), ")"); }});
  }

  void queue_read(const Tensor& source, std::byte* values) override {
    queue({[source, values](ExecutionContext&) {
             std::copy_n(source.data<std::byte>(), source.bytes(), values);
           },
           [source] { return text("read(tensor: ", source.to_string(), ")"); }});
  }

  std::shared_ptr<Event> queue_event() override {
    auto event = std::make_shared<CpuEvent>();
    thread_.push([event] { event->reach(); });
    return event;
  }

  void queue_synchronization(std::function<void(std::exception_ptr)> done) override {
    thread_.push([this, done = std::move(done)] { done(std::exchange(error_, nullptr)); });
  }

  std::shared_ptr<Graph> make_graph(std::vector<Work> work) override {
    return std::make_shared<Graph>(std::move(work));
  }

 private:
  void execute(const Work& work) {
    struct Reset {
      Scratch& scratch;
      ~Reset() { scratch.reset(); }
    } reset{scratch_};
    CpuContext context{{}, ThreadPool::shared(), scratch_};
    run_described(work, context, *this);
  }

  std::mutex immediate_;
  Scratch scratch_;
  std::exception_ptr error_;  // of the thread alone
  std::atomic<bool> abandoned_{false};
  SerialThread thread_;  // last: its tasks use all of the above
};

[[maybe_unused]] const bool registered = [] {
  open_cpu_device = [] { return std::shared_ptr<Device>(std::make_shared<CpuDevice>()); };
  return true;
}();

}  // namespace

}  // namespace leia
