#include "corpus/bzip2_block.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace leia::corpus {

namespace {

constexpr int kMaxLength = 20;
constexpr int kGroupSize = 50;

static_assert(kMaxBlockSize <= BurrowsWheeler::kMostBytes);

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

// Where the first four equal bytes end, or `end`. It compares every third byte with the next one,
// which misses no four equal bytes.
size_t end_of_four(const uint8_t* bytes, size_t begin, size_t end) {
  for (size_t at = begin; at + 1 < end; at += 3) {
    if (bytes[at] != bytes[at + 1]) continue;
    size_t first = at;
    while (first > begin && bytes[first - 1] == bytes[at]) --first;
    size_t next = at + 1;
    while (next < end && next - first < 4 && bytes[next] == bytes[at]) ++next;
    if (next - first == 4) return next;
  }
  return end;
}

}  // namespace

BitReader::BitReader(const uint8_t* data, size_t size, size_t bit, uint64_t dropped)
    : begin_(data), end_(data + size), next_(data + bit / 8), dropped_(dropped) {
  if (bit % 8 != 0) skip(static_cast<int>(bit % 8));
}

void BitReader::check() const {
  if (held_ >= padding_) return;
  const uint64_t end = dropped_ + static_cast<uint64_t>(end_ - begin_);
  fail("format", text("the bzip2 data ends at byte ", end,
                      " in the middle of a stream; the file is incomplete, download it again"));
}

void BitReader::corrupt(const char* what) const {
  check();
  fail("format", text("corrupt bzip2 data near byte ", offset(), ": ", what));
}

BlockDecoder::Result BlockDecoder::read(BitReader& bits, size_t size, std::vector<uint8_t>& output,
                                        size_t most) {
  const uint32_t expected = bits.read(32);
  if (bits.read(1) != 0) bits.corrupt("a randomised block (bzip2 before 0.9.5) is not supported");
  const uint32_t origin = bits.read(24);
  const size_t count = read_symbols(bits, size);
  bits.check();
  if (origin >= count) bits.corrupt("the origin of a block lies outside it");
  const size_t start = output.size();
  transform_.invert(block_.data(), count, counts_, origin);
  if (!expand(count, output, most)) bits.corrupt("a block is longer than allowed");
  const uint32_t crc = crc_of(output.data() + start, output.size() - start);
  if (crc != expected) bits.corrupt("the checksum of a block is wrong");
  return {crc, count};
}

void BlockDecoder::read_code(BitReader& bits, Code& code, int alphabet) {
  std::array<uint8_t, 258> lengths;
  std::array<uint16_t, kMaxLength + 1> counts{};
  int length = static_cast<int>(bits.read(5));
  for (int symbol = 0; symbol < alphabet; ++symbol) {
    // A length changes by steps of one; more steps than there are lengths are an error.
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

size_t BlockDecoder::read_symbols(BitReader& bits, size_t size) {
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

  block_.resize(size);
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
        if (run > size) bits.corrupt("a block is longer than its stream allows");
        continue;
      }
      if (run > 0) {
        if (run > size - count) bits.corrupt("a block is longer than its stream allows");
        counts_[recent[0]] += static_cast<uint32_t>(run);
        std::fill_n(block_.begin() + static_cast<ptrdiff_t>(count), run, recent[0]);
        count += run;
        run = 0;
        run_unit = 1;
      }
      if (symbol == end_of_block) return count;
      if (count == size) bits.corrupt("a block is longer than its stream allows");
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

// Four equal bytes are followed by the number of further ones.
bool BlockDecoder::expand(size_t count, std::vector<uint8_t>& output, size_t most) const {
  const size_t start = output.size();
  const auto append = [&](auto&&... what) { output.insert(output.end(), what...); };
  for (size_t from = 0;;) {
    const size_t run = end_of_four(block_.data(), from, count);
    if (run - from > most - (output.size() - start)) return false;
    append(block_.begin() + from, block_.begin() + run);
    if (run == count) return true;
    if (block_[run] > most - (output.size() - start)) return false;
    append(block_[run], block_[run - 1]);
    from = run + 1;
  }
}

}  // namespace leia::corpus
