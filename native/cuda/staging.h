// Copies between ordinary host memory and a device by way of two pinned buffers, so that one is
// filled or emptied while the other is on its way. Small writes, such as the ids of a batch, have
// more buffers: with two, the third would wait for the device to come to the first, and whoever
// launches could not be further ahead of it.
#pragma once

#include <cstddef>
#include <vector>

#include "cuda/runtime.h"

namespace leia {

class Staging {
 public:
  explicit Staging(gpu::Stream stream) : stream_(stream) {}

  // Returns when `from` may be changed; the copy takes its place in the stream.
  void write(void* device, const std::byte* from, size_t bytes);
  // Returns when `to` is filled, so after all that was queued before.
  void read(std::byte* to, const void* device, size_t bytes);

 private:
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
  Ring small_{16, size_t{64} << 10};
};

}  // namespace leia
