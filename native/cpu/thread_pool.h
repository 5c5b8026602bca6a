// Threads that share the iterations of one loop at a time. Which thread runs which iteration is
// left open, so a kernel is deterministic when no iteration depends on another and none on the
// number of threads: chunk sizes follow from shapes alone.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace leia {

class ThreadPool {
 public:
  // The process's pool: LEIA_NUM_THREADS threads, or as many as the process may run on.
  static ThreadPool& shared();

  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(i) for every i in [0, count) on the pool's threads and the calling one; returns when
  // all are done. The first exception is rethrown. One loop runs at a time; loops do not nest.
  void parallel_for(int64_t count, const std::function<void(int64_t)>& body);

 private:
  void serve();
  void drain();

  std::vector<std::thread> workers_;
  std::mutex loop_;  // held by the caller of parallel_for
  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  const std::function<void(int64_t)>* body_ = nullptr;
  std::atomic<int64_t> next_{0};
  int64_t count_ = 0;
  uint64_t generation_ = 0;
  int active_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;
};

}  // namespace leia
