#include "corpus/bzip2.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"

namespace leia::corpus {

namespace {

constexpr size_t kLevelSize = 100'000;

// No block is longer: 900,001 symbols of at most 20 bits, and less than 100 KiB of tables.
constexpr size_t kMaxBlockBytes = (900'001 * 20) / 8 + (size_t{100} << 10);
// A block of text, compressed.
constexpr size_t kUsualBlockBytes = size_t{300} << 10;

constexpr uint64_t kMagicMask = (uint64_t{1} << kMagicBits) - 1;

// Which bytes can be the second of seven that hold a magic beginning at any bit of the first.
constexpr std::array<bool, 256> make_second_bytes() {
  std::array<bool, 256> result{};
  for (const uint64_t magic : {kBlockMagic, kEndMagic}) {
    for (int shift = 0; shift < 8; ++shift) result[(magic >> (32 + shift)) & 0xff] = true;
  }
  return result;
}

constexpr std::array<bool, 256> kSecondBytes = make_second_bytes();

}  // namespace

Bzip2Decoder::Bzip2Decoder(int threads)
    : lookahead_(std::max(kMaxBlockBytes, static_cast<size_t>(threads) * 3 * kUsualBlockBytes)),
      pool_(threads) {}

void Bzip2Decoder::feed(const uint8_t* data, size_t size, bool last) {
  const size_t used = bit_ / 8;
  if (used >= input_.size() / 2) {  // sooner, the same bytes would be moved again and again
    input_.erase(input_.begin(), input_.begin() + static_cast<ptrdiff_t>(used));
    dropped_ += used;
    bit_ %= 8;
  }
  input_.insert(input_.end(), data, data + size);
  last_ = last_ || last;
}

size_t Bzip2Decoder::decode(uint8_t* output, size_t size) {
  if (failed_) fail("format", "this bzip2 data was found corrupt before");
  failed_ = true;  // unless this call succeeds
  size_t written = 0;
  while (written < size && (taken_ < ready_.size() || next_block())) {
    const size_t count = std::min(size - written, ready_.size() - taken_);
    std::copy_n(ready_.begin() + static_cast<ptrdiff_t>(taken_), count, output + written);
    written += count;
    taken_ += count;
  }
  failed_ = false;
  return written;
}

bool Bzip2Decoder::next_block() {
  while (true) {
    const size_t left = input_.size() - (bit_ + 7) / 8;
    if (pool_.threads() > 1) look_ahead();
    if (!last_ && left < lookahead_) return false;
    if (!in_stream_ && left == 0) {
      if (!any_stream_) fail("format", "expected bzip2 data, got an empty file");
      return false;
    }
    BitReader bits(input_.data(), input_.size(), bit_, dropped_);
    if (!in_stream_) read_stream_header(bits);
    bit_ = bits.bit();
    const uint64_t magic = bits.read48();
    bits.check();
    if (magic == kBlockMagic) {
      read_block(bits);
      return true;
    }
    if (magic != kEndMagic) bits.corrupt("expected the beginning of a block");
    if (bits.read(32) != stream_crc_) bits.corrupt("the checksum of a stream is wrong");
    bits.check();
    in_stream_ = false;
    bit_ = (bits.bit() + 7) / 8 * 8;  // the next stream begins at a whole byte
  }
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

// The block whose magic begins at bit_ and ends where `bits` is.
void Bzip2Decoder::read_block(BitReader& bits) {
  uint32_t crc;
  std::optional<Bzip2Pool::Block> ahead = pool_.take(8 * dropped_ + bit_, block_);
  if (ahead && ahead->size <= block_size_) {
    ready_ = std::move(ahead->bytes);
    crc = ahead->crc;
    bit_ = static_cast<size_t>(ahead->end - 8 * dropped_);
  } else {
    ready_.clear();
    crc = block_.read(bits, block_size_, ready_).crc;
    bit_ = bits.bit();
  }
  taken_ = 0;
  stream_crc_ = ((stream_crc_ << 1) | (stream_crc_ >> 31)) ^ crc;
}

void Bzip2Decoder::look_ahead() {
  // Seven bytes hold a magic at any of eight bits.
  const uint64_t end = dropped_ + input_.size();
  if (const uint64_t here = dropped_ + bit_ / 8; looked_ < here) {
    looked_ = here;
    candidate_.reset();
  }
  while (pool_.has_room() && looked_ + 7 <= end) {
    const uint8_t* at = input_.data() + (looked_ - dropped_);
    if (kSecondBytes[at[1]]) {
      uint64_t window = 0;
      for (int i = 0; i < 7; ++i) window = window << 8 | at[i];
      for (int shift = 8; shift > 0; --shift) {
        const uint64_t magic = (window >> shift) & kMagicMask;
        if (magic != kBlockMagic && magic != kEndMagic) continue;
        add_block(looked_ + 7);
        if (magic == kBlockMagic) candidate_ = 8 * looked_ + static_cast<uint64_t>(8 - shift);
      }
    }
    ++looked_;
  }
  if (last_ && looked_ + 7 > end) add_block(end);
}

// The block before a magic, which ends before byte `end_byte` of the file.
void Bzip2Decoder::add_block(uint64_t end_byte) {
  if (!candidate_) return;
  const uint64_t start = *candidate_ / 8;
  // What began before bit_ has been read already.
  if (*candidate_ >= 8 * dropped_ + bit_) {
    const auto begin = input_.begin() + static_cast<ptrdiff_t>(start - dropped_);
    const auto end = input_.begin() + static_cast<ptrdiff_t>(end_byte - dropped_);
    pool_.add(*candidate_, std::vector<uint8_t>(begin, end));
  }
  candidate_.reset();
}

}  // namespace leia::corpus
