#include "cpu/kept_memory.h"

#include <algorithm>
#include <cstdlib>

namespace leia {

namespace {

constexpr size_t kAlignment = 64;
// Smaller blocks the C library keeps by itself.
constexpr size_t kSmallestLarge = size_t{64} << 10;

}  // namespace

void* KeptMemory::allocate(size_t bytes, int64_t room) {
  const size_t size = (bytes + kAlignment) / kAlignment * kAlignment;
  if (size < bytes) return nullptr;
  if (size < kSmallestLarge) return std::aligned_alloc(kAlignment, size);
  std::lock_guard lock(mutex_);
  void* data = take(size);
  if (data == nullptr) {
    shrink(room - static_cast<int64_t>(size));
    data = std::aligned_alloc(kAlignment, size);
  }
  if (data == nullptr) {
    shrink(0);
    data = std::aligned_alloc(kAlignment, size);
  }
  if (data != nullptr) in_use_[data] = size;
  return data;
}

void* KeptMemory::take(size_t bytes) {
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [bytes](const Block& block) { return block.bytes == bytes; });
  if (found == kept_.end()) return nullptr;
  void* data = found->data;
  kept_bytes_ -= static_cast<int64_t>(bytes);
  kept_.erase(found);
  return data;
}

void KeptMemory::release(void* data, int64_t room) noexcept {
  std::lock_guard lock(mutex_);
  const auto found = in_use_.find(data);
  if (found == in_use_.end()) {
    std::free(data);
    return;
  }
  const auto size = static_cast<int64_t>(found->second);
  in_use_.erase(found);
  const int64_t most = std::min(limit_, room + size);
  try {
    kept_.push_front({data, static_cast<size_t>(size)});
  } catch (...) {  // no memory to remember it by
    std::free(data);
    return;
  }
  kept_bytes_ += size;
  shrink(most);
}

void KeptMemory::shrink(int64_t bytes) noexcept {
  while (!kept_.empty() && kept_bytes_ > bytes) {
    kept_bytes_ -= static_cast<int64_t>(kept_.back().bytes);
    std::free(kept_.back().data);
    kept_.pop_back();
  }
}

}  // namespace leia
