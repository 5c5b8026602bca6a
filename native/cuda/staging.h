// Copies between ordinary host memory and a device by way of pinned buffers, which the device reads
// and writes while the host goes on. Large copies have two, so that one is filled or emptied while
// the other is on its way. Small ones, such as the ids of a batch and its loss, have more: with
// two, the third would wait for the device to come to the first, and whoever launches could not be
// further ahead of it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda/runtime.h"

namespace leia {

// Pinned memory in pieces of one size. From any thread.
class PinnedPool {
 public:
  explicit PinnedPool(size_t bytes, size_t most = std::numeric_limits<size_t>::max())
      : bytes_(bytes), most_(most) {}
  ~PinnedPool();
  PinnedPool(const PinnedPool&) = delete;
  PinnedPool& operator=(const PinnedPool&) = delete;

  // A piece, which comes back when its last holder lets go of it. Waits while `most` are held.
  std::shared_ptr<std::byte> take();
  size_t bytes() const { return bytes_; }

 private:
  const size_t bytes_, most_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::byte*> free_;
  size_t count_ = 0;  // of all pieces
};

// Pinned memory that others hold, by address: a read into it needs no buffer between. As CUDA lets
// all devices copy to it, there is one account for all. From any thread.
class PinnedRegions {
 public:
  static PinnedRegions& all();

  // Throws "execution" when there is not enough.
  std::shared_ptr<std::byte> allocate(size_t bytes);
  bool hold(const std::byte* data, size_t bytes) const;

 private:
  mutable std::mutex mutex_;
  std::map<const std::byte*, size_t> sizes_;
};

class Staging {
 public:
  explicit Staging(gpu::Stream stream) : stream_(stream) {}

  // Returns when `from` may be changed; the copy takes its place in the stream.
  void write(void* device, const std::byte* from, size_t bytes);
  // If `to` is pinned, the bytes are there once the stream is past the copy. Else up to kSmall
  // bytes are then in the memory that this returns; for more it waits until all that was queued
  // before is done and they are at `to`. Returns nullptr but for the second.
  std::shared_ptr<const std::byte> read(std::byte* to, const void* device, size_t bytes);

  static constexpr size_t kSmall = size_t{64} << 10;
  // More reads than this wait for the first of them.
  static constexpr size_t kReads = 64;

 private:
  void read_large(std::byte* to, const void* device, size_t bytes);

  struct Buffer {
    std::byte* data = nullptr;
    gpu::Event arrived = nullptr;
  };
  struct Ring {
    Ring(size_t count, size_t buffer_bytes) : bytes(buffer_bytes), buffers(count) {}
    ~Ring();
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    const size_t bytes;  // of each
    std::vector<Buffer> buffers;
    size_t turn = 0;

    // The next buffer, once what it was used for before is done.
    Buffer& next();
  };

  gpu::Stream stream_;
  Ring large_{2, size_t{8} << 20};
  Ring small_{16, kSmall};
  PinnedPool reads_{kSmall, kReads};
};

}  // namespace leia
