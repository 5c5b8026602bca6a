// What a CPU kernel is given: threads and scratch memory that lives until the kernel returns. And
// the registration that makes an execution known to run().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/operation.h"
#include "cpu/thread_pool.h"

namespace leia {

// Reused from kernel to kernel: it grows to what the largest one needs and stays.
class Scratch {
 public:
  // Uninitialised, aligned to 64 bytes, valid until reset().
  template <class T>
  T* take(int64_t count) {
    return static_cast<T*>(take_bytes(static_cast<size_t>(count) * sizeof(T)));
  }
  void reset() noexcept;
  // The most that this process's threads had at once.
  static int64_t peak_bytes();

 private:
  void* take_bytes(size_t bytes);

  struct Free {
    int64_t bytes;
    void operator()(std::byte* data) const noexcept;
  };
  struct Block {
    std::unique_ptr<std::byte, Free> data;
    size_t bytes;
  };
  static Block make_block(size_t bytes);

  std::vector<Block> blocks_;
  size_t used_ = 0;        // of the last block
  size_t next_block_ = 0;  // least size of the next one
};

// Scratch of the calling thread, for use inside a task of a parallel loop: uninitialised, aligned
// to 64 bytes, valid until the thread asks for the same slot again.
template <class T, int Slot>
T* thread_scratch(int64_t count) {
  thread_local Scratch scratch;
  scratch.reset();
  return scratch.take<T>(count);
}

// The tensor's values from that one on, or nullptr if it was not given.
template <class T>
T* values_from(const Tensor& tensor, int64_t element) {
  return tensor ? tensor.data<T>() + element : nullptr;
}

struct CpuContext : ExecutionContext {
  ThreadPool& pool;
  Scratch& scratch;

  // body(i) for i in [0, count), in parallel. See ThreadPool.
  template <class Body>
  void parallel_for(int64_t count, Body&& body) {
    pool.parallel_for(count, body);
  }

  // body(first, last) over [0, count) in ranges of at most `chunk`, in parallel. The ranges depend
  // only on count and chunk, never on the number of threads.
  template <class Body>
  void parallel_ranges(int64_t count, int64_t chunk, Body&& body) {
    const int64_t step = chunk > 0 ? chunk : 1;
    pool.parallel_for((count + step - 1) / step, [&](int64_t i) {
      const int64_t first = i * step;
      body(first, first + step < count ? first + step : count);
    });
  }
};

}  // namespace leia

// At the end of a kernel file, once for each operation: execute_cpu(const Operation&, CpuContext&)
// is how its kernels are run, on the stream's thread.
#define LEIA_CPU_EXECUTION(Operation)                                          \
  [[maybe_unused]] static const bool cpu_executes_##Operation =                \
      ::leia::register_execution<Operation>(                                   \
          ::leia::DeviceKind::cpu,                                             \
          [](const Operation& operation, ::leia::ExecutionContext& context) {  \
            execute_cpu(operation, static_cast<::leia::CpuContext&>(context)); \
          });
