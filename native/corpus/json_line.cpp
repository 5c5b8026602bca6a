#include "corpus/json_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace leia::corpus {

namespace {

constexpr uint32_t kEndOfTwoBytes = 0x800;

// What a unit below 0x800 becomes: one byte or two. Width 0: a control that has no short escape.
struct Short {
  std::array<uint8_t, 2> bytes;
  uint8_t width;
};

constexpr std::array<Short, kEndOfTwoBytes> make_shorts() {
  std::array<Short, kEndOfTwoBytes> shorts{};
  for (uint32_t unit = 0x20; unit < kEndOfTwoBytes; ++unit) {
    const auto low = static_cast<uint8_t>(0x80 | (unit & 0x3f));
    shorts[unit] = unit < 0x80 ? Short{{static_cast<uint8_t>(unit), 0}, 1}
                               : Short{{static_cast<uint8_t>(0xc0 | (unit >> 6)), low}, 2};
  }
  constexpr std::string_view kEscaped = "\"\"\\\\\bb\tt\nn\ff\rr";  // the character, its letter
  for (size_t i = 0; i < kEscaped.size(); i += 2) {
    const auto unit = static_cast<uint8_t>(kEscaped[i]);
    shorts[unit] = {{'\\', static_cast<uint8_t>(kEscaped[i + 1])}, 2};
  }
  return shorts;
}

constexpr std::array<Short, kEndOfTwoBytes> kShorts = make_shorts();

uint8_t* write_escape(uint32_t unit, uint8_t* to) {
  constexpr std::string_view kHex = "0123456789abcdef";
  *to++ = '\\';
  *to++ = 'u';
  for (int shift = 12; shift >= 0; shift -= 4) {
    *to++ = static_cast<uint8_t>(kHex[unit >> shift & 0xf]);
  }
  return to;
}

bool is_escaped(uint8_t byte) {
  return (byte < 0x20) | (byte == '"') | (byte == '\\');
}

// Bytes that are looked at and copied together; few have anything to escape.
constexpr size_t kStretch = 16;

bool has_escapes(std::string_view stretch) {
  uint8_t escaped = 0;  // a byte, so that the compiler looks at many together
  for (const char sign : stretch) {
    escaped = static_cast<uint8_t>(escaped | is_escaped(static_cast<uint8_t>(sign)));
  }
  return escaped != 0;
}

}  // namespace

void JsonLine::integer(uint32_t value) {
  std::array<char, 10> digits;
  const char* end = std::to_chars(digits.begin(), digits.end(), value).ptr;
  raw({digits.data(), static_cast<size_t>(end - digits.data())});
}

inline void JsonLine::copy_or_escape(std::string_view stretch) {
  if (has_escapes(stretch)) return escape(stretch);
  raw(stretch);
}

void JsonLine::string(std::string_view utf8) {
  *next_++ = '"';
  while (utf8.size() >= kStretch) {
    copy_or_escape(utf8.substr(0, kStretch));  // of a size that the compiler knows
    utf8.remove_prefix(kStretch);
  }
  if (!utf8.empty()) copy_or_escape(utf8);
  *next_++ = '"';
}

void JsonLine::escape(std::string_view utf8) {
  for (const char sign : utf8) {
    const auto byte = static_cast<uint8_t>(sign);
    if (!is_escaped(byte)) {
      *next_++ = byte;
    } else if (kShorts[byte].width == 0) {
      next_ = write_escape(byte, next_);
    } else {
      next_ = std::copy_n(kShorts[byte].bytes.data(), kShorts[byte].width, next_);
    }
  }
}

void JsonLine::string(std::u16string_view text) {
  uint8_t* to = next_;
  const auto continued = [&to](uint32_t bits) {
    *to++ = static_cast<uint8_t>(0x80 | (bits & 0x3f));
  };
  *to++ = '"';
  for (size_t i = 0; i < text.size(); ++i) {
    const uint32_t unit = text[i];
    if (unit < kEndOfTwoBytes) {
      const Short& entry = kShorts[unit];
      if (entry.width == 0) {
        to = write_escape(unit, to);
        continue;
      }
      // Writes both bytes always: blanks alternate with letters of two bytes, which no branch
      // predicts.
      std::memcpy(to, entry.bytes.data(), 2);
      to += entry.width;
    } else if ((unit & 0xf800) != 0xd800) {
      *to++ = static_cast<uint8_t>(0xe0 | (unit >> 12));
      continued(unit >> 6);
      continued(unit);
    } else if (unit < 0xdc00 && i + 1 < text.size() && text[i + 1] >> 10 == 0xdc00 >> 10) {
      const uint32_t point = 0x10000 + ((unit & 0x3ff) << 10) + (text[++i] & 0x3ff);
      *to++ = static_cast<uint8_t>(0xf0 | (point >> 18));
      continued(point >> 12);
      continued(point >> 6);
      continued(point);
    } else {
      to = write_escape(unit, to);
    }
  }
  *to++ = '"';
  next_ = to;
}

}  // namespace leia::corpus
