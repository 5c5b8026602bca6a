// One block of bzip2. Its place in the input is enough to decode it, whatever comes before. So the
// blocks of a file can be decoded side by side, and in order where that is not possible. Format:
// https://github.com/dsnet/compress/blob/master/doc/bzip2-format.pdf
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "corpus/burrows_wheeler.h"

namespace leia::corpus {

inline constexpr uint64_t kBlockMagic = 0x314159265359;  // pi
inline constexpr uint64_t kEndMagic = 0x177245385090;    // its square root
inline constexpr int kMagicBits = 48;
inline constexpr size_t kMaxBlockSize = 900'000;

// Reads bits of the input, most significant first. Past the end it gives zeros, which check()
// reports.
class BitReader {
 public:
  // `dropped`: bytes of the file before `data`, for messages. Starts at bit `bit` of `data`.
  BitReader(const uint8_t* data, size_t size, size_t bit, uint64_t dropped);

  // The next `count` bits, 1 to 32, without moving on.
  uint32_t peek(int count) {
    refill();
    return static_cast<uint32_t>(buffer_ >> (64 - count));
  }
  void skip(int count) {
    refill();
    buffer_ <<= count;
    held_ -= count;
  }
  uint32_t read(int count) {
    const uint32_t value = peek(count);
    skip(count);
    return value;
  }
  uint64_t read48() {
    const uint64_t high = read(24);
    return high << 24 | read(24);
  }

  // Throws "format" if bits were used that the input does not have.
  void check() const;
  [[noreturn]] void corrupt(const char* what) const;

  // Where the next bit is, in bits from `data`.
  size_t bit() const { return static_cast<size_t>((next_ - begin_) * 8 + padding_ - held_); }
  // Byte of the file that the next bit is in.
  uint64_t offset() const { return dropped_ + bit() / 8; }

 private:
  void refill() {
    while (held_ <= 56) {
      uint64_t byte = 0;
      if (next_ < end_) {
        byte = *next_++;
      } else {
        padding_ += 8;
      }
      buffer_ |= byte << (56 - held_);
      held_ += 8;
    }
  }

  const uint8_t* begin_;
  const uint8_t* end_;
  const uint8_t* next_;
  uint64_t dropped_;
  uint64_t buffer_ = 0;  // the next bits at the top
  int held_ = 0;
  int64_t padding_ = 0;  // how many of these are zeros from past the end
};

class BlockDecoder {
 public:
  struct Result {
    uint32_t crc;  // of the block's bytes
    size_t size;   // in bytes before run lengths: what the stream's level limits
  };

  // Reads a block from after its magic and appends its bytes to `output`, at most `most` of them.
  // `size` is what the stream allows before run lengths. Throws "format" for anything wrong.
  Result read(BitReader& bits, size_t size, std::vector<uint8_t>& output,
              size_t most = std::numeric_limits<size_t>::max());

 private:
  // One canonical prefix code: up to 258 symbols of 1 to 20 bits.
  struct Code {
    static constexpr int kFastBits = 10;
    std::array<uint16_t, 1 << kFastBits> fast;  // symbol << 5 | length, or 0
    std::array<uint32_t, 22> limit;             // by length: first code after, left-aligned to 20
    std::array<uint32_t, 21> base;              // by length: first code
    std::array<uint16_t, 21> first;             // by length: index of its first symbol
    std::array<uint16_t, 258> symbols;
  };

  void read_code(BitReader& bits, Code& code, int alphabet);
  size_t read_symbols(BitReader& bits, size_t size);
  // False if that makes more than `most` bytes.
  bool expand(size_t count, std::vector<uint8_t>& output, size_t most) const;

  std::array<Code, 6> codes_;
  std::vector<uint8_t> block_;
  BurrowsWheeler::Counts counts_;
  BurrowsWheeler transform_;
};

}  // namespace leia::corpus
