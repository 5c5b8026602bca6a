#include "core/serial_thread.h"

#include <utility>

#include "core/libstdcxx_floor.h"

namespace leia {

SerialThread::~SerialThread() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    called_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void SerialThread::push(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    called_ = true;
  }
  wake_.notify_one();
}

// Lets others have the core meanwhile.
void SerialThread::stay_awake() const {
  if (awake_.count() == 0) return;
  const auto end = std::chrono::steady_clock::now() + awake_;
  while (!called_ && std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

void SerialThread::serve() {
  std::deque<std::function<void()>> tasks;  // all taken at once: pushes do not wait for each
  for (;;) {
    stay_awake();
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
      if (stop_) return;
      tasks.swap(tasks_);
      called_ = false;
    }
    for (; !tasks.empty(); tasks.pop_front()) tasks.front()();
  }
}

}  // namespace leia
