// The CPU as a device: a thread serves its stream, the shared thread pool runs each kernel.
#include <atomic>
#include <chrono>
#include <cstring>
#include <utility>

#include "core/device.h"
#include "core/host_memory.h"
#include "core/serial_thread.h"
#include "cpu/cpu_context.h"
#include "cpu/isa.h"
#include "cpu/kept_memory.h"

namespace leia {

namespace {

// What may be kept of freed memory; nothing where a sanitizer is to see each use of what was freed.
int64_t most_kept_bytes() {
#if defined(__SANITIZE_ADDRESS__)
  return 0;
#else
  return host_memory_bytes() / 8;
#endif
}

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

  // Tensors and scratch may not have been at their most at the same time.
  int64_t peak_bytes() const override { return peak_live_bytes() + Scratch::peak_bytes(); }

  void abandon() override { abandoned_ = true; }

 protected:
  void* allocate_bytes(size_t bytes) override {
    void* data = memory_.allocate(bytes, room());
    if (data != nullptr && poison_memory()) std::memset(data, 0xff, bytes);
    return data;
  }
  void free_bytes(void* data) noexcept override { memory_.release(data, room()); }

  void queue(WorkPtr work, Done done) override {
    thread_.push([this, work = std::move(work), done = std::move(done)]() mutable {
      const FailurePtr failure = account(*work);
      work.reset();  // its memory is free when `done` is called
      finish(done, failure);
    });
  }

  void queue_replay(const std::shared_ptr<Graph>& graph, Done done) override {
    thread_.push([this, graph = graph, done = std::move(done)]() mutable {
      FailurePtr first;
      for (const WorkPtr& work : graph->work()) {
        const FailurePtr failure = account(*work);
        if (first == nullptr) first = failure;
      }
      graph.reset();
      finish(done, first);
    });
  }

  WorkPtr make_write(const Tensor& target, std::vector<std::byte> values) override {
    return tensor_work("write", target, Access::write,
                       [target, values = std::move(values)](ExecutionContext&) {
                         std::copy(values.begin(), values.end(), target.data<std::byte>());
                       });
  }

  void queue_read(const Tensor& source, std::byte* values, Done done) override {
    queue(tensor_work("read", source, Access::read,
                      [source, values](ExecutionContext&) {
                        std::copy_n(source.data<std::byte>(), source.bytes(), values);
                      }),
          std::move(done));
  }

  std::shared_ptr<Event> queue_event() override {
    auto event = std::make_shared<CpuEvent>();
    thread_.push([event] { event->reach(); });
    return event;
  }

  void queue_barrier(Done done) override {
    thread_.push([done = std::move(done)] { done(nullptr); });
  }

  std::shared_ptr<Graph> make_graph(std::vector<WorkPtr> work) override {
    return std::make_shared<Graph>(std::move(work));
  }

 private:
  // Does the work on the stream's thread. Returns the failure that it met or was skipped for.
  FailurePtr account(const Work& work) {
    if (abandoned_) return nullptr;
    return failures_.account([&] { return work.operands(); },
                             [&]() -> FailurePtr {
                               try {
                                 execute(work);
                                 return nullptr;
                               } catch (...) {
                                 return failures_.add(std::current_exception());
                               }
                             });
  }

  void execute(const Work& work) {
    struct Reset {
      Scratch& scratch;
      ~Reset() { scratch.reset(); }
    } reset{scratch_};
    CpuContext context{{}, ThreadPool::shared(), scratch_};
    run_described(work, context, *this);
  }

  Scratch scratch_;  // of the thread alone
  // Tensors and what is kept take no more together than tensors have taken before.
  int64_t room() const { return peak_live_bytes() - live_bytes(); }

  KeptMemory memory_{most_kept_bytes()};
  std::atomic<bool> abandoned_{false};
  SerialThread thread_;  // last: its tasks use all of the above
};

[[maybe_unused]] const bool registered = [] {
  open_cpu_device = [] { return std::shared_ptr<Device>(std::make_shared<CpuDevice>()); };
  return true;
}();

}  // namespace

}  // namespace leia
