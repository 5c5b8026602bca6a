// Device memory that is kept for the next request instead of given back, as allocating waits for
// the whole device. Memory is reused in the order of one stream: what is freed while kernels still
// use it is given out to work that is queued later, and so runs later.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <unordered_map>

namespace leia {

class CachingAllocator {
 public:
  explicit CachingAllocator(int ordinal) : ordinal_(ordinal) {}
  ~CachingAllocator();

  // nullptr when neither the cache nor the device has enough, even when all that is kept goes back
  // to the device. From any thread.
  void* allocate(size_t bytes);
  // The same with what is kept left alone, for giving it back waits for all work on the device.
  void* allocate_without_returning(size_t bytes);
  void release(void* data) noexcept;
  // Bytes that are kept for later.
  size_t cached_bytes() const;

 private:
  void* allocate(size_t bytes, bool may_return);
  void give_back_cached() noexcept;

  const int ordinal_;
  mutable std::mutex mutex_;
  std::multimap<size_t, void*> cached_;     // by size
  std::unordered_map<void*, size_t> live_;  // sizes of what is in use
};

}  // namespace leia
