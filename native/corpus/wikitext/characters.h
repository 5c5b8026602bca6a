// Characters of UTF-8 text, and what the readers of wikitext ask of one. The Unicode properties of
// characters come from JavaScript as a table, so that they have one source
// (lib/corpus/wikitext/characters.ts).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace leia::corpus::wikitext {

// Properties of a character; the same bits as in lib/corpus/wikitext/characters.ts.
enum Property : uint8_t {
  kBlank = 1,
  kWord = 2,     // letters and digits
  kTrail = 4,    // a letter that belongs to the link it follows
  kSwitch = 8,   // may stand in the name of a behaviour switch
  kWide = 16,    // the same for a switch written with the wide underscores of Japanese
  kOdd = 32,     // a link's target with such a character may differ from the page's title,
  kMoving = 64,  // so may one with two of these in a row, which Unicode NFC may exchange
};

inline bool is_ascii_letter(char sign) {
  const char small = static_cast<char>(sign | 0x20);
  return small >= 'a' && small <= 'z';
}
// The text with its ASCII letters in lower case.
std::string in_small_letters(std::string_view text);

struct Character {
  uint32_t point;
  uint32_t size;  // in bytes
};

inline bool is_continuation(char byte) {
  return (static_cast<uint8_t>(byte) & 0xc0) == 0x80;
}

// The same for characters of four bytes, and for bytes that are no character.
Character decode_long(const char* at);

// The character at `at`. What is not UTF-8 is U+FFFD, byte by byte; a byte that is no continuation
// must follow the text, so that nothing behind it is read.
inline Character decode(const char* at) {
  const auto lead = static_cast<uint8_t>(*at);
  if (lead < 0x80) return {lead, 1};
  // Most letters of Greek, Cyrillic, Hebrew and Arabic.
  if (lead >= 0xc2 && lead < 0xe0 && is_continuation(at[1])) {
    return {uint32_t{lead & 0x1fu} << 6 | (static_cast<uint8_t>(at[1]) & 0x3fu), 2};
  }
  // Most of India and East Asia.
  if ((lead & 0xf0) == 0xe0 && is_continuation(at[1]) && is_continuation(at[2])) {
    return {uint32_t{lead & 0xfu} << 12 | (static_cast<uint8_t>(at[1]) & 0x3fu) << 6 |
                (static_cast<uint8_t>(at[2]) & 0x3fu),
            3};
  }
  return decode_long(at);
}

// The character that ends before `at`, from `begin` on, which is before it.
Character decode_before(const char* begin, const char* at);
// In units of UTF-16.
size_t utf16_length(std::string_view text);
void to_utf16(std::string_view text, std::u16string& units);
// In code points.
size_t count_points(std::string_view text);

class Characters {
 public:
  static constexpr size_t kCount = 0x110000;

  // `properties`: of each code point, kCount of them.
  explicit Characters(std::span<const uint8_t> properties);

  uint8_t properties(uint32_t point) const {
    const uint32_t block = blocks_[point / kBlock];
    return properties_[block * kBlock + point % kBlock];
  }
  bool has(uint32_t point, uint8_t property) const { return (properties(point) & property) != 0; }

  // Moves past all characters of this property, and these signs, up to `end`.
  const char* skip(const char* at, const char* end, uint8_t property,
                   std::u32string_view signs = {}) const;
  // Moves back over them, down to `begin`.
  const char* skip_back(const char* begin, const char* at, uint8_t property) const;
  std::string_view trim(std::string_view text) const;
  bool contains(std::string_view text, uint8_t property) const;

 private:
  static constexpr size_t kBlock = 256;

  // Most blocks are alike: each that differs is kept once.
  std::array<uint16_t, kCount / kBlock> blocks_;
  std::vector<uint8_t> properties_;
};

}  // namespace leia::corpus::wikitext
