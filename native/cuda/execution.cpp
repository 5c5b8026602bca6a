#include "cuda/execution.h"

#include <algorithm>

namespace leia {

namespace {

void* take_or_fail(CachingAllocator& allocator, size_t bytes) {
  void* data = allocator.allocate(bytes);
  if (data == nullptr) {
    const gpu::MemoryState state = gpu::memory_state();
    fail("execution", text("out of device memory: asked for ", bytes, " bytes of scratch, ",
                           state.free_bytes, " of ", state.total_bytes, " bytes are free"));
  }
  return data;
}

constexpr size_t kAlignment = 256;
constexpr uint64_t kEmpty = ~uint64_t{0};

}  // namespace

CudaScratch::~CudaScratch() {
  for (const Block& block : blocks_) allocator_.release(block.data);
}

void* CudaScratch::take(size_t bytes) {
  const size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  while (block_ < blocks_.size() && blocks_[block_].bytes - used_ < rounded) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) {
    // Larger than the last, so that a long operation needs few blocks; no larger than needed where
    // the device has no room for that.
    const size_t last = blocks_.empty() ? 0 : blocks_.back().bytes;
    const size_t ample = std::max({rounded, 2 * last, size_t{1} << 20});
    blocks_.reserve(blocks_.size() + 1);
    if (void* data = allocator_.allocate_without_returning(ample)) {
      blocks_.push_back({data, ample});
    } else {
      blocks_.push_back({take_or_fail(allocator_, rounded), rounded});
    }
  }
  void* data = static_cast<std::byte*>(blocks_[block_].data) + used_;
  used_ += rounded;
  return data;
}

ErrorWords::ErrorWords(CachingAllocator& allocator, gpu::Stream stream)
    : allocator_(allocator),
      stream_(stream),
      words_(static_cast<uint64_t*>(take_or_fail(allocator, kCount * sizeof(uint64_t)))) {
  gpu::fill(words_, 0xff, kCount * sizeof(uint64_t), stream_);
}

ErrorWords::~ErrorWords() {
  allocator_.release(words_);
}

uint64_t* ErrorWords::take(Message message) {
  if (is_full()) {
    fail("execution",
         text("more than ", kCount, " operations that check their inputs in one captured graph"));
  }
  messages_.push_back(std::move(message));
  return words_ + (messages_.size() - 1);
}

ErrorWords::Reading ErrorWords::read(std::shared_ptr<std::byte> to, bool keep) {
  const size_t bytes = messages_.size() * sizeof(uint64_t);
  gpu::copy(to.get(), words_, bytes, stream_);
  gpu::fill(words_, 0xff, bytes, stream_);
  Reading reading{keep ? messages_ : std::move(messages_), std::move(to)};
  if (!keep) messages_.clear();
  return reading;
}

std::string ErrorWords::Reading::error(size_t first, size_t last) const {
  const auto* values = reinterpret_cast<const uint64_t*>(words.get());
  for (size_t i = first; i < last; ++i) {
    const uint64_t word = values[i];
    if (word == kEmpty) continue;
    return messages[i](static_cast<int64_t>(word >> 32),
                       static_cast<int32_t>(static_cast<uint32_t>(word)));
  }
  return {};
}

}  // namespace leia
