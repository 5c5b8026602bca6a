#include "cuda/caching_allocator.h"

#include <algorithm>
#include <iterator>

#include "cuda/runtime.h"

namespace leia {

namespace {

constexpr size_t kSmallStep = 512;
constexpr size_t kLargeStep = size_t{2} << 20;  // the device's own pages
constexpr size_t kSmallest = kLargeStep / 2;    // of the large requests

// Sizes are whole steps, so that blocks can take each other's place. 0 if that overflows.
size_t rounded(size_t bytes, size_t step) {
  if (bytes == 0) return step;
  const size_t result = (bytes + step - 1) / step * step;
  return result < bytes ? 0 : result;
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
  const bool is_small = bytes < kSmallest;
  const size_t wanted = rounded(bytes, is_small ? kSmallStep : kLargeStep);
  if (wanted == 0) return nullptr;
  std::lock_guard lock(mutex_);
  auto block = find_free(wanted, is_small);
  if (block == blocks_.end()) block = add_segment(wanted, is_small, may_return);
  if (block == blocks_.end()) return nullptr;
  take(block, wanted);
  return block->first;
}

CachingAllocator::Blocks::iterator CachingAllocator::find_free(size_t bytes, bool is_small) {
  const FreeBlocks& free = is_small ? free_small_ : free_large_;
  const auto found = free.lower_bound({bytes, nullptr});
  return found == free.end() ? blocks_.end() : blocks_.find(found->second);
}

// A segment for small requests has room for many of them, unless the device has no such room left.
CachingAllocator::Blocks::iterator CachingAllocator::add_segment(size_t bytes, bool is_small,
                                                                 bool may_return) {
  gpu::use_device(ordinal_);
  size_t size = is_small ? kLargeStep : bytes;
  void* data = gpu::allocate(size);
  if (data == nullptr && size > bytes) data = gpu::allocate(size = bytes);
  if (data == nullptr && may_return && cached_bytes_ > 0) {
    give_back_cached();
    data = gpu::allocate(size);
  }
  if (data == nullptr) return blocks_.end();
  taken_bytes_ += size;
  peak_bytes_ = std::max(peak_bytes_, taken_bytes_);
  const auto block =
      blocks_.insert({static_cast<std::byte*>(data), {size, is_small, true, false}}).first;
  mark_free(block);
  return block;
}

// The first bytes of a free block; what is left of it stays free.
void CachingAllocator::take(Blocks::iterator block, size_t bytes) {
  unmark_free(block);
  const size_t left = block->second.bytes - bytes;
  if (left == 0) return;
  const auto rest =
      blocks_.insert({block->first + bytes, {left, block->second.is_small, false, false}}).first;
  block->second.bytes = bytes;
  mark_free(rest);
}

void CachingAllocator::release(void* data) noexcept {
  std::lock_guard lock(mutex_);
  auto block = blocks_.find(static_cast<std::byte*>(data));
  const auto next = std::next(block);
  if (next != blocks_.end() && next->second.is_free && !next->second.begins_segment) {
    unmark_free(next);
    block->second.bytes += next->second.bytes;
    blocks_.erase(next);
  }
  if (block != blocks_.begin() && !block->second.begins_segment &&
      std::prev(block)->second.is_free) {
    const auto before = std::prev(block);
    unmark_free(before);
    before->second.bytes += block->second.bytes;
    blocks_.erase(block);
    block = before;
  }
  try {
    mark_free(block);
  } catch (...) {  // no host memory to remember it by: it stays taken
  }
}

size_t CachingAllocator::cached_bytes() const {
  std::lock_guard lock(mutex_);
  return cached_bytes_;
}

size_t CachingAllocator::peak_bytes() const {
  std::lock_guard lock(mutex_);
  return peak_bytes_;
}

void CachingAllocator::mark_free(Blocks::iterator block) {
  (block->second.is_small ? free_small_ : free_large_).insert({block->second.bytes, block->first});
  block->second.is_free = true;
  cached_bytes_ += block->second.bytes;
}

void CachingAllocator::unmark_free(Blocks::iterator block) {
  (block->second.is_small ? free_small_ : free_large_).erase({block->second.bytes, block->first});
  block->second.is_free = false;
  cached_bytes_ -= block->second.bytes;
}

bool CachingAllocator::is_whole_segment(Blocks::iterator block) const {
  const auto next = std::next(block);
  return block->second.begins_segment && (next == blocks_.end() || next->second.begins_segment);
}

// Segments of which nothing is in use.
void CachingAllocator::give_back_cached() noexcept {
  for (auto block = blocks_.begin(); block != blocks_.end();) {
    const auto next = std::next(block);
    if (block->second.is_free && is_whole_segment(block)) {
      unmark_free(block);
      taken_bytes_ -= block->second.bytes;
      gpu::free(block->first);
      blocks_.erase(block);
    }
    block = next;
  }
}

}  // namespace leia
