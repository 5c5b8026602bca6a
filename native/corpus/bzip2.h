// A bzip2 decoder of our own: the format is small, and so the addon needs no system library.
// Streams may follow each other (Wikimedia's multistream dumps); the checksums of every block and
// stream are checked; whatever is wrong is an error that names the byte of the compressed file.
// Format: https://github.com/dsnet/compress/blob/master/doc/bzip2-format.pdf
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace leia::corpus {

class BitReader;

class Bzip2Decoder {
 public:
  // Appends compressed bytes; `last` says that none follow.
  void feed(const uint8_t* data, size_t size, bool last);

  // Decodes whole blocks onto `output` until it has at least `enough` bytes or more input is
  // needed. Returns whether blocks may be left that need no further input. After an error, any
  // further call throws it again. Throws "format".
  bool decode(std::vector<uint8_t>& output, size_t enough);

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

  void read_stream_header(BitReader& bits);
  void read_block(BitReader& bits, std::vector<uint8_t>& output);
  void read_code(BitReader& bits, Code& code, int alphabet);
  size_t read_symbols(BitReader& bits);
  void expand(size_t count, uint32_t origin, std::vector<uint8_t>& output);

  std::vector<uint8_t> input_;
  size_t bit_ = 0;        // next bit in input_
  uint64_t dropped_ = 0;  // bytes before input_
  bool last_ = false;
  bool in_stream_ = false;
  bool any_stream_ = false;
  bool failed_ = false;
  size_t block_size_ = 0;
  uint32_t stream_crc_ = 0;
  std::array<Code, 6> codes_;
  std::vector<uint32_t> block_;  // symbols, later with links of the Burrows-Wheeler transform
  std::array<uint32_t, 256> counts_;
};

}  // namespace leia::corpus
