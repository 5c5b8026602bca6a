#include "corpus/wikitext/markup_map.h"

#include <bit>
#include <cstring>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace leia::corpus::wikitext {

namespace {

typedef uint8_t Bytes __attribute__((vector_size(16)));

constexpr size_t kWordBits = 64;
constexpr std::string_view kWideUnderscores = "\uff3f\uff3f";

Bytes load(const char* at) {
  Bytes bytes;
  std::memcpy(&bytes, at, sizeof(bytes));
  return bytes;
}

static_assert(MarkupMap::kSeen == sizeof(Bytes) + 2);

// Sets all bits of each byte at `at` where markup may begin. It takes a single wide underscore for
// two, and any other character with the same first and last byte as well.
Bytes beginnings(const char* at) {
  const Bytes here = load(at);
  const Bytes next = load(at + 1);
  const Bytes third = load(at + 2);
  const auto is = [&here](char sign) { return here == static_cast<uint8_t>(sign); };
  // `{`, `|` and `}`, and the signs that differ from them in bit 0x20: `[`, `\` and `]`.
  const Bytes from_brace = (here | uint8_t{0x20}) - static_cast<uint8_t>('{');
  return (Bytes)(((from_brace <= uint8_t{2}) & (here != static_cast<uint8_t>('\\'))) | is('<') |
                 is('&') | is('\n') | ((is('\'') | is('_')) & (here == next)) |
                 (is('-') & (next == static_cast<uint8_t>('{'))) |
                 (is(kWideUnderscores[0]) & (third == static_cast<uint8_t>(kWideUnderscores[2]))));
}

// One bit of each byte.
uint64_t bits_of(Bytes bytes) {
#ifdef __SSE2__
  return static_cast<uint16_t>(_mm_movemask_epi8((__m128i)bytes));
#else
  uint64_t bits = 0;
  for (size_t i = 0; i < sizeof(bytes); ++i) bits |= uint64_t{bytes[i] & 1u} << i;
  return bits;
#endif
}

}  // namespace

void MarkupMap::begin(std::string_view page) {
  page_ = page;
  const size_t words = page.size() / kWordBits + 1;
  bits_.assign(words, 0);
  for (size_t at = 0; at < page.size(); at += sizeof(Bytes)) {
    bits_[at / kWordBits] |= bits_of(beginnings(page.data() + at)) << at % kWordBits;
  }
}

const char* MarkupMap::next(const char* at) const {
  const auto place = static_cast<size_t>(at - page_.data());
  size_t word = place / kWordBits;
  uint64_t bits = bits_[word] >> place % kWordBits << place % kWordBits;
  while (true) {
    while (bits == 0) {
      if (++word == bits_.size()) return page_.data() + page_.size();
      bits = bits_[word];
    }
    const char* found = page_.data() + kWordBits * word + std::countr_zero(bits);
    if (*found != kWideUnderscores[0] ||
        std::memcmp(found, kWideUnderscores.data(), kWideUnderscores.size()) == 0) {
      return found;
    }
    bits &= bits - 1;
  }
}

}  // namespace leia::corpus::wikitext
