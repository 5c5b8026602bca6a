#include "cpu/cpu_context.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

#include "core/device.h"

namespace leia {

namespace {
constexpr size_t kAlignment = 64;
constexpr size_t kFirstBlock = size_t{1} << 20;
// Of all threads.
std::atomic<int64_t> held_bytes{0};
HighWater most_bytes;

constexpr size_t round_up(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}
}  // namespace

void Scratch::Free::operator()(std::byte* data) const noexcept {
  std::free(data);
  held_bytes -= bytes;
}

int64_t Scratch::peak_bytes() {
  return most_bytes.value();
}

Scratch::Block Scratch::make_block(size_t bytes) {
  void* data = std::aligned_alloc(kAlignment, bytes);
  if (data == nullptr) throw std::bad_alloc();
  const auto size = static_cast<int64_t>(bytes);
  most_bytes.raise(held_bytes += size);
  return {std::unique_ptr<std::byte, Free>(static_cast<std::byte*>(data), Free{size}), bytes};
}

void* Scratch::take_bytes(size_t bytes) {
  bytes = round_up(std::max<size_t>(bytes, 1));
  if (blocks_.empty() || used_ + bytes > blocks_.back().bytes) {
    blocks_.push_back(make_block(std::max({bytes, kFirstBlock, next_block_})));
    used_ = 0;
  }
  void* result = blocks_.back().data.get() + used_;
  used_ += bytes;
  return result;
}

void Scratch::reset() noexcept {
  used_ = 0;
  if (blocks_.size() < 2) return;
  next_block_ = 0;  // one block for what took several
  for (const Block& block : blocks_) next_block_ += block.bytes;
  blocks_.clear();
}

}  // namespace leia
