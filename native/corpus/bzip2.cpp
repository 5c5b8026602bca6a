#include "corpus/bzip2.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace leia::corpus {

namespace {

constexpr uint64_t kBlockMagic = 0x314159265359;  // pi
constexpr uint64_t kEndMagic = 0x177245385090;    // its square root
constexpr int kMaxLength = 20;
constexpr int kGroupSize = 50;
constexpr size_t kLevelSize = 100'000;

// No block is longer: 900,001 symbols of at most 20 bits, and less than 100 KiB of tables.
constexpr size_t kMaxBlockBytes = (900'001 * kMaxLength) / 8 + (size_t{100} << 10);

// CRC-32 of bzip2: polynomial 0x04c11db7, most significant bit first; eight bytes at a time.
using CrcTables = std::array<std::array<uint32_t, 256>, 8>;

constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i << 24;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ ((crc >> 31) * 0x04c11db7U);
    tables[0][i] = crc;
  }
  for (size_t table = 1; table < 8; ++table) {
    for (size_t i = 0; i < 256; ++i) {
      const uint32_t crc = tables[table - 1][i];
      tables[table][i] = (crc << 8) ^ tables[0][crc >> 24];
    }
  }
  return tables;
}

constexpr CrcTables kCrc = make_crc_tables();

uint32_t crc_of(const uint8_t* data, size_t size) {
  uint32_t crc = 0xffffffff;
  for (; size >= 8; size -= 8, data += 8) {
    crc = kCrc[7][data[0] ^ (crc >> 24)] ^ kCrc[6][data[1] ^ ((crc >> 16) & 0xff)] ^
          kCrc[5][data[2] ^ ((crc >> 8) & 0xff)] ^ kCrc[4][data[3] ^ (crc & 0xff)] ^
          kCrc[3][data[4]] ^ kCrc[2][data[5]] ^ kCrc[1][data[6]] ^ kCrc[0][data[7]];
  }
  for (; size > 0; --size, ++data) crc = (crc << 8) ^ kCrc[0][(crc >> 24) ^ *data];
  return ~crc;
}

}  // namespace

// Bits of the input, most significant first. Past the end it gives zeros; check() tells.
class BitReader {
 public:
  BitReader(const std::vector<uint8_t>& input, size_t bit, uint64_t dropped)
      : begin_(input.data()),
        end_(begin_ + input.size()),
        next_(begin_ + bit / 8),
        dropped_(dropped) {
    if (bit % 8 != 0) skip(static_cast<int>(bit % 8));
  }

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

  // Throws if bits were used that the input does not have.
  void check() const {
    if (held_ < padding_) {
      fail("format", text("the bzip2 data ends at byte ", dropped_ + size(),
                          " in the middle of a stream; the file is incomplete, download it again"));
    }
  }
  [[noreturn]] void corrupt(const char* what) const {
    check();
    fail("format", text("corrupt bzip2 data near byte ", dropped_ + bit() / 8, ": ", what));
  }

  size_t bit() const { return static_cast<size_t>((next_ - begin_) * 8 + padding_ - held_); }
  size_t size() const { return static_cast<size_t>(end_ - begin_); }
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
  int64_t padding_ = 0;  // of these, zeros from past the end
};

void Bzip2Decoder::feed(const uint8_t* data, size_t size, bool last) {
  const size_t used = bit_ / 8;
  input_.erase(input_.begin(), input_.begin() + static_cast<ptrdiff_t>(used));
  dropped_ += used;
  bit_ %= 8;
  input_.insert(input_.end(), data, data + size);
  last_ = last_ || last;
}

bool Bzip2Decoder::decode(std::vector<uint8_t>& output, size_t enough) {
  if (failed_) fail("format", "this bzip2 data was found corrupt before");
  failed_ = true;  // unless this call succeeds
  bool more = true;
  while (more && output.size() < enough) {
    const size_t left = input_.size() - (bit_ + 7) / 8;
    if (!last_ && left < kMaxBlockBytes) {
      more = false;
    } else if (!in_stream_ && left == 0) {
      if (!any_stream_) fail("format", "expected bzip2 data, got an empty file");
      more = false;
    } else {
      BitReader bits(input_, bit_, dropped_);
      if (!in_stream_) read_stream_header(bits);
      const uint64_t magic = bits.read48();
      bits.check();
      if (magic == kBlockMagic) {
        read_block(bits, output);
      } else if (magic == kEndMagic) {
        if (bits.read(32) != stream_crc_) bits.corrupt("the checksum of a stream is wrong");
        bits.check();
        in_stream_ = false;
      } else {
        bits.corrupt("expected the beginning of a block");
      }
      bit_ = bits.bit();
      if (!in_stream_) bit_ = (bit_ + 7) / 8 * 8;  // the next stream begins at a whole byte
    }
  }
  failed_ = false;
  return more;
}

void Bzip2Decoder::read_stream_header(BitReader& bits) {
  const uint64_t offset = bits.offset();
  const uint32_t magic = bits.read(24);
  const uint32_t level = bits.read(8);
  if (magic != 0x425a68 || level < '1' || level > '9') {
    if (magic == 0x425a68) bits.check();
    fail("format", text("expected a bzip2 stream at byte ", offset, ", got other data"));
  }
  block_size_ = (level - '0') * kLevelSize;
  stream_crc_ = 0;
  in_stream_ = true;
  any_stream_ = true;
}

void Bzip2Decoder::read_block(BitReader& bits, std::vector<uint8_t>& output) {
  const uint32_t expected = bits.read(32);
  if (bits.read(1) != 0) bits.corrupt("a randomised block (bzip2 before 0.9.5) is not supported");
  const uint32_t origin = bits.read(24);
  const size_t count = read_symbols(bits);
  bits.check();
  if (origin >= count) bits.corrupt("the origin of a block lies outside it");
  const size_t start = output.size();
  expand(count, origin, output);
  const uint32_t crc = crc_of(output.data() + start, output.size() - start);
  if (crc != expected) bits.corrupt("the checksum of a block is wrong");
  stream_crc_ = ((stream_crc_ << 1) | (stream_crc_ >> 31)) ^ crc;
}

void Bzip2Decoder::read_code(BitReader& bits, Code& code, int alphabet) {
  std::array<uint8_t, 258> lengths;
  std::array<uint16_t, kMaxLength + 1> counts{};
  int length = static_cast<int>(bits.read(5));
  for (int symbol = 0; symbol < alphabet; ++symbol) {
    // A length moves by steps of one; more steps than there are lengths lead nowhere.
    for (int steps = 0; bits.read(1) != 0; ++steps) {
      length += bits.read(1) != 0 ? -1 : 1;
      if (steps > 2 * kMaxLength) bits.corrupt("a code length does not settle");
    }
    if (length < 1 || length > kMaxLength) bits.corrupt("a code length is not 1 to 20");
    lengths[static_cast<size_t>(symbol)] = static_cast<uint8_t>(length);
    ++counts[static_cast<size_t>(length)];
  }
  uint32_t next = 0;  // the next code, of `bit` bits
  uint16_t index = 0;
  code.limit.fill(0);
  for (size_t bit = 1; bit <= kMaxLength; ++bit) {
    next <<= 1;
    code.base[bit] = next;
    code.first[bit] = index;
    next += counts[bit];
    index = static_cast<uint16_t>(index + counts[bit]);
    if (next > (1U << bit)) bits.corrupt("a prefix code has too many short codes");
    code.limit[bit] = next << (kMaxLength - bit);
  }
  code.fast.fill(0);
  std::array<uint16_t, kMaxLength + 1> place{};
  for (size_t bit = 1; bit <= kMaxLength; ++bit) place[bit] = code.first[bit];
  for (int symbol = 0; symbol < alphabet; ++symbol) {
    const size_t bit = lengths[static_cast<size_t>(symbol)];
    const uint16_t rank = place[bit]++;
    code.symbols[rank] = static_cast<uint16_t>(symbol);
    if (bit > Code::kFastBits) continue;
    const uint32_t word = code.base[bit] + (rank - code.first[bit]);
    const size_t shift = Code::kFastBits - bit;
    const auto entry = static_cast<uint16_t>(static_cast<unsigned>(symbol) << 5 | bit);
    std::fill_n(code.fast.begin() + (word << shift), size_t{1} << shift, entry);
  }
}

size_t Bzip2Decoder::read_symbols(BitReader& bits) {
  std::array<uint8_t, 256> recent;  // bytes in use, the most recent first
  size_t used = 0;
  const uint32_t ranges = bits.read(16);
  for (unsigned range = 0; range < 16; ++range) {
    if ((ranges >> (15 - range) & 1) == 0) continue;
    const uint32_t members = bits.read(16);
    for (unsigned member = 0; member < 16; ++member) {
      if ((members >> (15 - member) & 1) != 0) {
        recent[used++] = static_cast<uint8_t>(range * 16 + member);
      }
    }
  }
  if (used == 0) bits.corrupt("a block without bytes");
  const int alphabet = static_cast<int>(used) + 2;
  const auto end_of_block = static_cast<unsigned>(alphabet - 1);

  const uint32_t groups = bits.read(3);
  const uint32_t selector_count = bits.read(15);
  if (groups < 2 || groups > 6) bits.corrupt("the number of prefix codes is not 2 to 6");
  if (selector_count == 0) bits.corrupt("a block without selectors");
  std::vector<uint8_t> selectors(selector_count);
  std::array<uint8_t, 6> order = {0, 1, 2, 3, 4, 5};
  for (uint8_t& selector : selectors) {
    size_t rank = 0;
    while (bits.read(1) != 0) {
      if (++rank >= groups) bits.corrupt("a selector names no prefix code");
    }
    selector = order[rank];
    std::copy_backward(order.begin(), order.begin() + rank, order.begin() + rank + 1);
    order[0] = selector;
  }
  for (uint32_t group = 0; group < groups; ++group) read_code(bits, codes_[group], alphabet);
  bits.check();

  block_.resize(block_size_);
  counts_.fill(0);
  size_t count = 0;
  size_t run = 0;  // length of the run being read, in bijective base two
  size_t run_unit = 1;
  for (const uint8_t selector : selectors) {
    const Code& code = codes_[selector];
    for (int i = 0; i < kGroupSize; ++i) {
      const uint32_t window = bits.peek(kMaxLength);
      uint32_t symbol;
      if (const uint16_t entry = code.fast[window >> (kMaxLength - Code::kFastBits)]; entry != 0) {
        bits.skip(entry & 31);
        symbol = entry >> 5;
      } else {
        size_t length = Code::kFastBits + 1;
        while (length <= kMaxLength && window >= code.limit[length]) ++length;
        if (length > kMaxLength) bits.corrupt("a code without a symbol");
        bits.skip(static_cast<int>(length));
        symbol = code.symbols[code.first[length] +
                              ((window >> (kMaxLength - length)) - code.base[length])];
      }
      if (symbol <= 1) {
        run += run_unit << symbol;
        run_unit <<= 1;
        if (run > block_size_) bits.corrupt("a block is longer than its stream allows");
        continue;
      }
      if (run > 0) {
        if (run > block_size_ - count) bits.corrupt("a block is longer than its stream allows");
        counts_[recent[0]] += static_cast<uint32_t>(run);
        std::fill_n(block_.begin() + static_cast<ptrdiff_t>(count), run, recent[0]);
        count += run;
        run = 0;
        run_unit = 1;
      }
      if (symbol == end_of_block) return count;
      if (count == block_size_) bits.corrupt("a block is longer than its stream allows");
      const size_t rank = symbol - 1;
      const uint8_t byte = recent[rank];
      std::memmove(recent.data() + 1, recent.data(), rank);
      recent[0] = byte;
      ++counts_[byte];
      block_[count++] = byte;
    }
    bits.check();
  }
  bits.corrupt("a block without an end");
}

// Inverts the Burrows-Wheeler transform, then the run lengths: four equal bytes are followed by
// the number of further ones.
void Bzip2Decoder::expand(size_t count, uint32_t origin, std::vector<uint8_t>& output) {
  uint32_t sum = 0;
  for (uint32_t& start : counts_) sum += std::exchange(start, sum);
  for (uint32_t i = 0; i < count; ++i) block_[counts_[block_[i] & 0xff]++] |= i << 8;

  // There is always room for the bytes left in the block; only runs need more.
  size_t written = output.size();
  output.resize(written + count);
  uint32_t position = block_[origin] >> 8;
  int equal = 0;
  int previous = -1;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t link = block_[position];
    const auto byte = static_cast<uint8_t>(link & 0xff);
    position = link >> 8;
    if (equal == 4) {
      const size_t needed = written + byte + (count - i);
      if (needed > output.size()) output.resize(std::max(needed, output.size() / 2 * 3));
      std::fill_n(output.begin() + static_cast<ptrdiff_t>(written), byte,
                  static_cast<uint8_t>(previous));
      written += byte;
      equal = 0;
      previous = -1;
      continue;
    }
    equal = byte == previous ? equal + 1 : 1;
    previous = byte;
    output[written++] = byte;
  }
  output.resize(written);
}

}  // namespace leia::corpus
