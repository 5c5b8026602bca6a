#include "cuda/staging.h"

#include <algorithm>
#include <cstring>

#include "core/libstdcxx_floor.h"

namespace leia {

PinnedPool::~PinnedPool() {
  for (std::byte* piece : free_) gpu::free_pinned(piece);
}

std::shared_ptr<std::byte> PinnedPool::take() {
  std::byte* piece = nullptr;
  {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [this] { return !free_.empty() || count_ < most_; });
    if (free_.empty()) {
      piece = static_cast<std::byte*>(gpu::allocate_pinned(bytes_));
      ++count_;
      free_.reserve(count_);  // so that its return cannot fail
    } else {
      piece = free_.back();
      free_.pop_back();
    }
  }
  return {piece, [this](std::byte* own) {
            std::lock_guard lock(mutex_);
            free_.push_back(own);
            returned_.notify_one();
          }};
}

PinnedRegions& PinnedRegions::all() {
  // Never destroyed: JavaScript may let go of its memory later than that.
  static auto* const regions = new PinnedRegions;
  return *regions;
}

std::shared_ptr<std::byte> PinnedRegions::allocate(size_t bytes) {
  bytes = std::max(bytes, size_t{1});
  auto* data = static_cast<std::byte*>(gpu::allocate_pinned(bytes));
  std::lock_guard lock(mutex_);
  sizes_.emplace(data, bytes);
  return {data, [this](std::byte* own) {
            {
              std::lock_guard own_lock(mutex_);
              sizes_.erase(own);
            }
            gpu::free_pinned(own);
          }};
}

bool PinnedRegions::hold(const std::byte* data, size_t bytes) const {
  std::lock_guard lock(mutex_);
  auto next = sizes_.upper_bound(data);
  if (next == sizes_.begin()) return false;
  const auto& [begin, size] = *--next;
  return data + bytes <= begin + size;
}

Staging::Ring::~Ring() {
  for (const Buffer& buffer : buffers) {
    if (buffer.data == nullptr) continue;
    gpu::free_pinned(buffer.data);
    gpu::destroy(buffer.arrived);
  }
}

Staging::Buffer& Staging::Ring::next() {
  Buffer& buffer = buffers[turn++ % buffers.size()];
  if (buffer.data == nullptr) {
    buffer.arrived = gpu::create_event();
    buffer.data = static_cast<std::byte*>(gpu::allocate_pinned(bytes));
  } else {
    gpu::wait(buffer.arrived);
  }
  return buffer;
}

void Staging::write(void* device, const std::byte* from, size_t bytes) {
  const bool is_small = bytes <= small_.bytes;
  const size_t most = large_.bytes;
  for (size_t done = 0; done < bytes; done += most) {
    const size_t count = std::min(most, bytes - done);
    Buffer& buffer = is_small ? small_.next() : large_.next();
    std::memcpy(buffer.data, from + done, count);
    gpu::copy(static_cast<std::byte*>(device) + done, buffer.data, count, stream_);
    gpu::record(buffer.arrived, stream_);
  }
}

std::shared_ptr<const std::byte> Staging::read(std::byte* to, const void* device, size_t bytes) {
  if (PinnedRegions::all().hold(to, bytes)) {
    if (bytes > 0) gpu::copy(to, device, bytes, stream_);
    return nullptr;
  }
  if (bytes > kSmall) {
    read_large(to, device, bytes);
    return nullptr;
  }
  std::shared_ptr<std::byte> piece = reads_.take();
  if (bytes > 0) gpu::copy(piece.get(), device, bytes, stream_);
  return piece;
}

void Staging::read_large(std::byte* to, const void* device, size_t bytes) {
  const size_t most = large_.bytes;
  Buffer* on_its_way = nullptr;
  for (size_t done = 0; done < bytes + most; done += most) {
    Buffer* buffer = nullptr;
    if (done < bytes) {
      buffer = &large_.next();
      gpu::copy(buffer->data, static_cast<const std::byte*>(device) + done,
                std::min(most, bytes - done), stream_);
      gpu::record(buffer->arrived, stream_);
    }
    if (on_its_way != nullptr) {
      gpu::wait(on_its_way->arrived);
      const size_t start = done - most;
      std::memcpy(to + start, on_its_way->data, std::min(most, bytes - start));
    }
    on_its_way = buffer;
  }
}

}  // namespace leia
