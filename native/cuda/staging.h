// Copies between ordinary host memory and a device by way of two pinned buffers, so that one is
// filled or emptied while the other is on its way.
#pragma once

#include <array>
#include <cstddef>

#include "cuda/runtime.h"

namespace leia {

class Staging {
 public:
  explicit Staging(gpu::Stream stream) : stream_(stream) {}
  ~Staging();

  // Returns when `from` may be changed; the copy takes its place in the stream.
  void write(void* device, const std::byte* from, size_t bytes);
  // Returns when `to` is filled, so after all that was queued before.
  void read(std::byte* to, const void* device, size_t bytes);

 private:
  struct Buffer {
    std::byte* data = nullptr;
    gpu::Event arrived = nullptr;
  };
  // The next buffer, once what it was used for before is done.
  Buffer& next();

  gpu::Stream stream_;
  std::array<Buffer, 2> buffers_;
  size_t turn_ = 0;
};

}  // namespace leia
