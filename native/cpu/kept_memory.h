// Host memory for tensors. Large blocks that are given back are kept for the next tensors of the
// same size: the system clears every page of memory that it hands out anew, which in a training
// step that allocates as it goes takes a fifth of the time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <unordered_map>

namespace leia {

class KeptMemory {
 public:
  // Keeps at most so many bytes.
  explicit KeptMemory(int64_t limit) : limit_(limit) {}
  ~KeptMemory() { shrink(0); }

  // Uninitialised memory, aligned to 64 bytes; nullptr when there is not enough. `room` is how many
  // bytes may be kept beside what is in use without this. From any thread, like release().
  void* allocate(size_t bytes, int64_t room);
  // The same `room`, beside what is in use with this.
  void release(void* data, int64_t room) noexcept;

 private:
  struct Block {
    void* data;
    size_t bytes;
  };

  void* take(size_t bytes);
  // Frees what was kept for longest, until no more than `bytes` are kept.
  void shrink(int64_t bytes) noexcept;

  const int64_t limit_;
  std::mutex mutex_;
  std::unordered_map<void*, size_t> in_use_;  // of large blocks
  std::list<Block> kept_;                     // the latest first
  int64_t kept_bytes_ = 0;
};

}  // namespace leia
