#include "cuda/caching_allocator.h"

#include "cuda/runtime.h"

namespace leia {

namespace {

constexpr size_t kSmall = 512;
constexpr size_t kLarge = size_t{2} << 20;  // the device's own pages

// Requests of about the same size come out the same, so that they can take each other's place.
size_t rounded(size_t bytes) {
  const size_t step = bytes < kLarge / 2 ? kSmall : kLarge;
  const size_t result = (bytes + step - 1) / step * step;
  return result < bytes ? 0 : result > 0 ? result : kSmall;
}

// A cached block may be larger by an eighth, or it would be wasted on the request.
bool fits(size_t block, size_t wanted) {
  return block - wanted <= wanted / 8;
}

}  // namespace

CachingAllocator::~CachingAllocator() {
  give_back_cached();
}

void* CachingAllocator::allocate(size_t bytes) {
  return allocate(bytes, true);
}

void* CachingAllocator::allocate_without_returning(size_t bytes) {
  return allocate(bytes, false);
}

void* CachingAllocator::allocate(size_t bytes, bool may_return) {
  const size_t wanted = rounded(bytes);
  if (wanted == 0) return nullptr;
  std::lock_guard lock(mutex_);
  if (const auto found = cached_.lower_bound(wanted);
      found != cached_.end() && fits(found->first, wanted)) {
    live_.insert({found->second, found->first});
    void* data = found->second;
    cached_.erase(found);
    return data;
  }
  gpu::use_device(ordinal_);
  void* data = gpu::allocate(wanted);
  if (data == nullptr && may_return && !cached_.empty()) {
    give_back_cached();
    data = gpu::allocate(wanted);
  }
  if (data != nullptr) live_.insert({data, wanted});
  return data;
}

void CachingAllocator::release(void* data) noexcept {
  std::lock_guard lock(mutex_);
  const auto found = live_.find(data);
  const size_t bytes = found->second;
  live_.erase(found);
  try {
    cached_.insert({bytes, data});
  } catch (...) {  // no host memory to remember it by
    gpu::free(data);
  }
}

size_t CachingAllocator::cached_bytes() const {
  std::lock_guard lock(mutex_);
  size_t sum = 0;
  for (const auto& [bytes, data] : cached_) sum += bytes;
  return sum;
}

void CachingAllocator::give_back_cached() noexcept {
  for (const auto& [bytes, data] : cached_) gpu::free(data);
  cached_.clear();
}

}  // namespace leia
