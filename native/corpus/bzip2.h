// A bzip2 decoder of our own: the format is small, and the addon then needs no system library.
// Streams may follow each other (Wikimedia's multistream dumps). The checksums of every block and
// stream are checked, and errors name the byte of the compressed file. Several threads decode
// blocks ahead of their turn, in files of one stream too.
// Format: https://github.com/dsnet/compress/blob/master/doc/bzip2-format.pdf
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "corpus/bzip2_block.h"
#include "corpus/bzip2_pool.h"

namespace leia::corpus {

class Bzip2Decoder {
 public:
  // With one thread, decode() does all the work; with more, that many others decode ahead.
  explicit Bzip2Decoder(int threads);

  // Appends compressed bytes; `last` says that none follow.
  void feed(const uint8_t* data, size_t size, bool last);

  // Writes up to `size` decoded bytes and returns how many: fewer if further input is needed, or at
  // the end. After an error all further calls fail, too. Throws "format".
  size_t decode(uint8_t* output, size_t size);

 private:
  void read_stream_header(BitReader& bits);
  // Reads a whole block into ready_. False if that needs further input, or at the end.
  bool next_block();
  void read_block(BitReader& bits);
  // Looks for the beginnings of blocks in new input and gives them to the pool.
  void look_ahead();
  void add_block(uint64_t end_byte);

  const size_t lookahead_;  // bytes that must be there, unless the file ends before
  std::vector<uint8_t> input_;
  size_t bit_ = 0;        // next bit in input_
  uint64_t dropped_ = 0;  // bytes before input_
  bool last_ = false;
  bool in_stream_ = false;
  bool any_stream_ = false;
  bool failed_ = false;
  size_t block_size_ = 0;
  uint32_t stream_crc_ = 0;
  BlockDecoder block_;
  std::vector<uint8_t> ready_;  // the last block
  size_t taken_ = 0;            // bytes of it that decode() has given out
  uint64_t looked_ = 0;         // byte of the file where the search for magics goes on
  std::optional<uint64_t>
      candidate_;  // bit of the file where a block seems to begin, its end unseen
  Bzip2Pool pool_;
};

}  // namespace leia::corpus
