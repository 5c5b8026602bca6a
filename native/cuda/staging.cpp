#include "cuda/staging.h"

#include <algorithm>
#include <cstring>

namespace leia {

namespace {

constexpr size_t kBytes = size_t{8} << 20;

}  // namespace

Staging::~Staging() {
  for (const Buffer& buffer : buffers_) {
    if (buffer.data == nullptr) continue;
    gpu::free_pinned(buffer.data);
    gpu::destroy(buffer.arrived);
  }
}

Staging::Buffer& Staging::next() {
  Buffer& buffer = buffers_[turn_++ % buffers_.size()];
  if (buffer.data == nullptr) {
    buffer.arrived = gpu::create_event();
    buffer.data = static_cast<std::byte*>(gpu::allocate_pinned(kBytes));
  } else {
    gpu::wait(buffer.arrived);
  }
  return buffer;
}

void Staging::write(void* device, const std::byte* from, size_t bytes) {
  for (size_t done = 0; done < bytes; done += kBytes) {
    const size_t count = std::min(kBytes, bytes - done);
    Buffer& buffer = next();
    std::memcpy(buffer.data, from + done, count);
    gpu::copy(static_cast<std::byte*>(device) + done, buffer.data, count, stream_);
    gpu::record(buffer.arrived, stream_);
  }
}

void Staging::read(std::byte* to, const void* device, size_t bytes) {
  Buffer* on_its_way = nullptr;
  for (size_t done = 0; done < bytes + kBytes; done += kBytes) {
    Buffer* buffer = nullptr;
    if (done < bytes) {
      buffer = &next();
      gpu::copy(buffer->data, static_cast<const std::byte*>(device) + done,
                std::min(kBytes, bytes - done), stream_);
      gpu::record(buffer->arrived, stream_);
    }
    if (on_its_way != nullptr) {
      gpu::wait(on_its_way->arrived);
      const size_t start = done - kBytes;
      std::memcpy(to + start, on_its_way->data, std::min(kBytes, bytes - start));
    }
    on_its_way = buffer;
  }
}

}  // namespace leia
