// Device memory that is kept for later requests instead of given back, as allocating waits for the
// whole device. Memory is reused in the order of one stream: what is freed while kernels still use
// it is given out to work that is queued later, and so runs later.
//
// Memory comes from the device in segments. A request takes the smallest free block that holds it
// and leaves the rest of that block free; a block that is freed joins the free blocks beside it.
// Small and large requests have segments of their own, so that a few bytes never stay in the middle
// of what a large tensor needs.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace leia {

class CachingAllocator {
 public:
  explicit CachingAllocator(int ordinal) : ordinal_(ordinal) {}
  ~CachingAllocator();

  // nullptr when neither the cache nor the device has enough, even when all that is kept goes back
  // to the device. From any thread.
  void* allocate(size_t bytes);
  // The same, but gives nothing back of what is kept, since that waits for all work on the device.
  void* allocate_without_returning(size_t bytes);
  void release(void* data) noexcept;
  // Bytes that are kept for later.
  size_t cached_bytes() const;
  // The most that was taken from the device at once.
  size_t peak_bytes() const;

 private:
  struct Block {
    size_t bytes;
    bool is_small;        // of a segment for small requests
    bool begins_segment;  // what lies before it is not of its segment
    bool is_free;
  };
  using Blocks = std::map<std::byte*, Block>;

  void* allocate(size_t bytes, bool may_return);
  Blocks::iterator find_free(size_t bytes, bool is_small);
  Blocks::iterator add_segment(size_t bytes, bool is_small, bool may_return);
  void take(Blocks::iterator block, size_t bytes);
  void mark_free(Blocks::iterator block);
  void unmark_free(Blocks::iterator block);
  bool is_whole_segment(Blocks::iterator block) const;
  void give_back_cached() noexcept;

  using FreeBlocks = std::set<std::pair<size_t, std::byte*>>;  // smallest first, then by address

  const int ordinal_;
  mutable std::mutex mutex_;
  Blocks blocks_;  // all there are, by address
  FreeBlocks free_small_, free_large_;
  size_t cached_bytes_ = 0;
  size_t taken_bytes_ = 0, peak_bytes_ = 0;  // from the device: now, and at most
};

}  // namespace leia
