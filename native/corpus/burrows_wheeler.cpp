#include "corpus/burrows_wheeler.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace leia::corpus {

namespace {

// Set in a link where a stretch begins; the other bits are then the number of the stretch.
constexpr uint32_t kEntered = uint32_t{1} << 31;

}  // namespace

void BurrowsWheeler::invert(uint8_t* block, size_t count, const Counts& counts, uint32_t origin) {
  link(block, count, counts);
  follow(count, origin, enter(count, origin));
  // The stretches form a circle. If a block repeats itself it may be shorter than the block.
  size_t done = 0;
  for (uint32_t i = 0; done < count; i = stretches_[i].next) {
    const size_t length = std::min(stretches_[i].length, count - done);
    std::memcpy(block + done, stretches_[i].bytes, length);
    done += length;
  }
}

// Equal bytes have the same order in the last column of the rows and in the first.
void BurrowsWheeler::link(const uint8_t* block, size_t count, const Counts& counts) {
  links_.resize(count);
  std::array<uint32_t, 256> rows;  // by byte: the next row that begins with it
  std::exclusive_scan(counts.begin(), counts.end(), rows.begin(), uint32_t{0});
  for (size_t i = 0; i < count; ++i) {
    links_[rows[block[i]]++] = static_cast<uint32_t>(i) << 8 | block[i];
  }
}

// Marks where stretches begin, the first at the origin. Returns how many there are.
size_t BurrowsWheeler::enter(size_t count, uint32_t origin) {
  const size_t stretches = std::min(count, kMostStretches);
  for (size_t i = 0; i < stretches; ++i) {
    uint32_t& link = links_[(origin + count * i / stretches) % count];
    stretches_[i].first = link;
    link = kEntered | static_cast<uint32_t>(i);
  }
  return stretches;
}

void BurrowsWheeler::follow(size_t count, uint32_t origin, size_t stretches) {
  if (lane_size_ < count) {
    // Only what is written takes memory: usually little more than one block in all.
    bytes_ = std::make_unique_for_overwrite<uint8_t[]>(kLanes * count);
    lane_size_ = count;
  }
  uint8_t* const bytes = bytes_.get();
  const uint32_t* const links = links_.data();
  std::array<uint32_t, kLanes> link;
  std::array<Stretch*, kLanes> current;
  size_t begun = 0;
  size_t busy = 0;
  // Gives a lane the first link of the next stretch. When no stretch is left, the lane stays on a
  // marked row until all lanes are done.
  const auto begin = [&](size_t lane, size_t step) {
    if (begun == stretches) {
      current[lane] = nullptr;
      return origin << 8;
    }
    Stretch& stretch = stretches_[begun++];
    stretch.bytes = bytes + lane * lane_size_ + step;
    current[lane] = &stretch;
    ++busy;
    return stretch.first;
  };
  const auto end = [&](size_t lane, size_t step, uint32_t next) {
    Stretch* const stretch = current[lane];
    if (stretch == nullptr) return;
    stretch->length = static_cast<size_t>(bytes + lane * lane_size_ + step - stretch->bytes);
    stretch->next = next;
    --busy;
  };
  for (size_t lane = 0; lane < kLanes; ++lane) link[lane] = begin(lane, 0);
  for (size_t step = 0; busy > 0; ++step) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      bytes[lane * lane_size_ + step] = static_cast<uint8_t>(link[lane]);
      link[lane] = links[link[lane] >> 8];
      if (link[lane] & kEntered) [[unlikely]] {
        end(lane, step + 1, link[lane] & ~kEntered);
        link[lane] = begin(lane, step + 1);
      }
    }
  }
}

}  // namespace leia::corpus
