// A block's shared memory, and beside it a shadow that remembers of every two bytes who wrote and
// read them when. An access is checked against it before it happens: memory nobody wrote, memory an
// asynchronous copy is still on its way to, and accesses of two threads with nothing between them
// that orders them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "emulator/fault.h"

namespace leia::emulator {

// Who accesses, and when: accesses of different threads are ordered if a barrier of the block lies
// between them, or, within a warp, a __syncwarp.
struct Accessor {
  uint32_t thread;
  uint32_t warp;
  uint32_t block_epoch;
  uint32_t warp_epoch;
};

class SharedMemory {
 public:
  // New, poisoned memory for the next block.
  void reset(size_t bytes);
  size_t bytes() const { return bytes_; }
  std::byte* data() { return data_.data() + base_; }

  // Each throws a Fault at `where` if the access is not allowed.
  void check_read(size_t offset, size_t size, const Accessor& who, const Where& where);
  void check_write(size_t offset, size_t size, const Accessor& who, const Where& where);
  // From here to landing, nobody may read or write the bytes.
  void begin_copy(size_t offset, size_t size, const Accessor& who, const Where& where);
  void land_copy(size_t offset, size_t size, const Accessor& who);
  // From beginning to end, tensor cores may read the bytes any time, so nobody may write them. They
  // see what is written by ordinary means ("the generic proxy") only if its writer called
  // fence_proxy() between the writing and the barrier.
  void begin_async_read(size_t offset, size_t size, const Accessor& who, const Where& where);
  void end_async_read(size_t offset, size_t size, const Accessor& who);
  void fence_proxy(const Accessor& who);

  static constexpr uint32_t kNobody = ~0u;
  static constexpr uint32_t kMany = ~0u - 1;

 private:
  static constexpr size_t kGranule = 2;  // the smallest element

  struct Granule {
    uint32_t generation = 0;  // of the block whose state this is
    bool written = false;
    bool in_flight = false;
    uint16_t async_readers = 0;
    uint32_t writer_fences = 0;  // that the writer had called before
    Accessor writer{kNobody, kNobody, 0, 0};
    Accessor reader{kNobody, kNobody, 0, 0};  // or kMany threads, of one warp or of kMany
  };

  Granule& at(size_t offset);
  void check_range(size_t offset, size_t size, const char* what, const Where& where) const;
  void check_order(const Accessor& before, const Accessor& now, const char* what, size_t offset,
                   const Where& where) const;

  static void note_read(Granule& granule, const Accessor& who);
  void note_write(Granule& granule, const Accessor& who);

  // Of each thread: when it called fence_proxy().
  std::vector<std::vector<Accessor>> fences_;
  std::vector<std::byte> data_;
  std::vector<Granule> shadow_;
  size_t base_ = 0;  // aligned start within data_
  size_t bytes_ = 0;
  uint32_t generation_ = 0;
};

}  // namespace leia::emulator
