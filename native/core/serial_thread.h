// A thread that runs tasks one after the other, in the order they were given. What a device queues
// runs on one.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace leia {

class SerialThread {
 public:
  // Stays awake for `awake` after its last task: a push to a sleeping thread costs the caller a
  // system call, and the task waits until the thread runs.
  explicit SerialThread(std::chrono::microseconds awake = {})
      : awake_(awake), thread_([this] { serve(); }) {}
  // Ends without running what has not begun; its owner sees to it that nothing is left.
  ~SerialThread();
  SerialThread(const SerialThread&) = delete;
  SerialThread& operator=(const SerialThread&) = delete;

  // A task must not throw.
  void push(std::function<void()> task);

 private:
  void serve();
  void stay_awake() const;

  const std::chrono::microseconds awake_;
  std::atomic<bool> called_{false};  // there is a task, or the thread is to end
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  bool stop_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace leia
