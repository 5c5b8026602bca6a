#include "cpu/cpu_device.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "core/libstdcxx_floor.h"
#include "core/operation.h"
#include "cpu/cpu_context.h"

namespace leia {

namespace {

constexpr size_t kAlignment = 64;

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(DeviceKind kind)
      : kind_(kind), poison_(is_set("LEIA_POISON")), thread_([this] { serve(); }) {}

  // The queue is empty by now: work holds its tensors, which hold their device.
  ~CpuDevice() override {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  DeviceKind kind() const override { return kind_; }
  std::string name() const override { return kind_ == DeviceKind::cpu ? "cpu" : "emulated"; }

  void enqueue(Work work) override {
    if (run_immediately()) {
      std::lock_guard lock(immediate_);
      execute(work);
      return;
    }
    push({std::move(work), nullptr});
  }

  void synchronize(std::function<void(std::exception_ptr)> done) override {
    push({Work{}, std::move(done)});
  }

  void abandon() override { abandoned_ = true; }

 protected:
  void* allocate_bytes(size_t bytes) override {
    const size_t rounded = (bytes + kAlignment) / kAlignment * kAlignment;
    if (rounded < bytes) return nullptr;
    void* data = std::aligned_alloc(kAlignment, rounded);
    if (data != nullptr && poison_) std::memset(data, 0xff, rounded);  // NaN in every float type
    return data;
  }
  void free_bytes(void* data) noexcept override { std::free(data); }

 private:
  struct Entry {
    Work work;
    std::function<void(std::exception_ptr)> synchronized;
  };

  void push(Entry entry) {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(entry));
    }
    wake_.notify_one();
  }

  // Runs one piece of work; a failure is rethrown with the operation's name, shapes and dtypes.
  void execute(const Work& work) {
    try {
      CpuContext context{ThreadPool::shared(), scratch_};
      work.run(context);
    } catch (const Error& error) {
      scratch_.reset();
      throw Error(error.code(), text(work.describe(), ": ", error.what()));
    } catch (const std::bad_alloc&) {
      scratch_.reset();
      throw Error("execution", text(work.describe(), ": out of memory, ", live_bytes(),
                                    " bytes of tensors are live"));
    } catch (const std::exception& error) {
      scratch_.reset();
      throw Error("execution", text(work.describe(), ": ", error.what()));
    }
    scratch_.reset();
  }

  void serve() {
    std::exception_ptr error;
    for (;;) {
      Entry entry;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return stop_ || !queue_.empty(); });
        if (stop_) return;
        entry = std::move(queue_.front());
        queue_.pop_front();
      }
      if (entry.synchronized) {
        entry.synchronized(std::exchange(error, nullptr));
      } else if (!error && !abandoned_) {
        try {
          execute(entry.work);
        } catch (...) {
          error = std::current_exception();
        }
      }
    }
  }

  const DeviceKind kind_;
  const bool poison_;
  std::mutex mutex_, immediate_;
  std::condition_variable wake_;
  std::deque<Entry> queue_;
  Scratch scratch_;
  std::atomic<bool> abandoned_{false};
  bool stop_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

std::shared_ptr<Device> open_host_device(DeviceKind kind) {
  return std::make_shared<CpuDevice>(kind);
}

}  // namespace leia
