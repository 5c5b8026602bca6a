// The inverse of the Burrows-Wheeler transform. "A block-sorting lossless data compression
// algorithm", Burrows and Wheeler, 1994, section 4.2. Every byte of a block says where the next one
// is: a chain through memory that is too large for the nearest cache, so the processor waits at
// each link. Therefore the chain is entered at many places, several stretches are followed side by
// side, and in the end they are put together in their order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace leia::corpus {

class BurrowsWheeler {
 public:
  // The longest block, in bytes: a link has 23 bits for a row.
  static constexpr size_t kMostBytes = size_t{1} << 23;

  // How often each byte occurs in a block.
  using Counts = std::array<uint32_t, 256>;

  // Replaces the `count` bytes of `block`, the last column of the sorted rotations, by the bytes
  // that were transformed: the rotation in row `origin`, which is below `count`.
  void invert(uint8_t* block, size_t count, const Counts& counts, uint32_t origin);

 private:
  static constexpr size_t kLanes = 16;  // stretches followed side by side
  static constexpr size_t kMostStretches = 512;

  // A part of the chain, from one place where it is entered to the next.
  struct Stretch {
    uint32_t first;  // the link of its first row
    const uint8_t* bytes;
    size_t length;
    uint32_t next;  // the stretch that follows
  };

  void link(const uint8_t* block, size_t count, const Counts& counts);
  size_t enter(size_t count, uint32_t origin);
  void follow(size_t count, uint32_t origin, size_t stretches);

  std::vector<uint32_t> links_;  // by row: the next row << 8 | the row's first byte
  std::array<Stretch, kMostStretches> stretches_;
  std::unique_ptr<uint8_t[]> bytes_;  // the bytes that each lane found, room for a block for each
  size_t lane_size_ = 0;
};

}  // namespace leia::corpus
