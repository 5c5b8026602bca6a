// A device owns memory and one stream: a FIFO of work that runs beside the calling thread.
// Enqueuing returns at once; the first failure is kept, later work is skipped, and the next
// synchronisation reports it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "core/error.h"
#include "core/tensor.h"

namespace leia {

// `emulated` runs CUDA kernels on the emulator, in host memory.
enum class DeviceKind { cpu, emulated };

// Set where the emulator is linked in.
inline bool has_emulator = false;

struct CpuContext;

// Work for a stream. The description is built only when the work fails.
struct Work {
  std::function<void(CpuContext&)> run;
  std::function<std::string()> describe;
};

class Device : public std::enable_shared_from_this<Device> {
 public:
  // Opens the named device, with a stream of its own. Throws "unavailable" with the way to get it
  // if it is missing.
  static std::shared_ptr<Device> open(const std::string& name);

  virtual ~Device() = default;
  virtual DeviceKind kind() const = 0;
  virtual std::string name() const = 0;

  // Uninitialised memory, aligned to 64 bytes. Throws "execution" when there is not enough.
  std::shared_ptr<Storage> allocate(size_t bytes);
  // Called by Storage.
  void release(void* data, size_t bytes) noexcept;
  int64_t live_bytes() const { return live_bytes_.load(); }

  virtual void enqueue(Work work) = 0;
  // Calls done on an unspecified thread after all work enqueued before, with the first error since
  // the last synchronisation, or nullptr.
  virtual void synchronize(std::function<void(std::exception_ptr)> done) = 0;
  // Skips all work that has not begun, for the end of the program.
  virtual void abandon() = 0;

 protected:
  virtual void* allocate_bytes(size_t bytes) = 0;  // nullptr when out of memory
  virtual void free_bytes(void* data) noexcept = 0;

 private:
  std::atomic<int64_t> live_bytes_{0};
};

}  // namespace leia
