#include "corpus/wikitext/characters.h"

#include <algorithm>
#include <map>

namespace leia::corpus::wikitext {

namespace {

constexpr Character kNoCharacter = {0xfffd, 1};
// How many bytes are counted together: their count fits a byte.
constexpr size_t kStretch = 128;

}  // namespace

std::string in_small_letters(std::string_view text) {
  std::string result(text);
  for (char& sign : result) {
    if (is_ascii_letter(sign)) sign = static_cast<char>(sign | 0x20);
  }
  return result;
}

Character decode_long(const char* at) {
  const auto byte = [at](size_t index) { return uint32_t{static_cast<uint8_t>(at[index])}; };
  const auto next = [at](size_t index) { return is_continuation(at[index]); };
  const uint32_t lead = byte(0);
  if (lead < 0xf0 || lead > 0xf4 || !next(1) || !next(2) || !next(3)) return kNoCharacter;
  const uint32_t point =
      (lead & 7) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
  return point < Characters::kCount ? Character{point, 4} : kNoCharacter;
}

Character decode_before(const char* begin, const char* at) {
  const char* first = at - 1;
  while (first > begin && first > at - 4 && is_continuation(*first)) --first;
  // More text follows `at`, but a character that begins here must end at or before it.
  const auto size = static_cast<uint32_t>(at - first);
  const Character character = decode(first);
  return character.size == size ? character : kNoCharacter;
}

size_t count_points(std::string_view text) {
  size_t count = 0;
  while (!text.empty()) {
    const std::string_view stretch = text.substr(0, kStretch);
    uint8_t some = 0;
    for (const char byte : stretch) some = static_cast<uint8_t>(some + !is_continuation(byte));
    count += some;
    text.remove_prefix(stretch.size());
  }
  return count;
}

size_t utf16_length(std::string_view text) {
  size_t pairs = 0;
  for (const char byte : text) pairs += static_cast<uint8_t>(byte) >= 0xf0;
  return count_points(text) + pairs;
}

void to_utf16(std::string_view text, std::u16string& units) {
  units.resize(text.size());  // as many as there are at most
  char16_t* to = units.data();
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const auto [point, size] = decode(at);
    if (point < 0x10000) {
      *to++ = static_cast<char16_t>(point);
    } else {
      *to++ = static_cast<char16_t>(0xd7c0 + (point >> 10));
      *to++ = static_cast<char16_t>(0xdc00 | (point & 0x3ff));
    }
    at += size;
  }
  units.resize(static_cast<size_t>(to - units.data()));
}

Characters::Characters(std::span<const uint8_t> properties) {
  std::map<std::string_view, uint16_t> known;
  for (size_t block = 0; block < blocks_.size(); ++block) {
    const auto values = properties.subspan(block * kBlock, kBlock);
    const std::string_view key(reinterpret_cast<const char*>(values.data()), kBlock);
    const auto [place, is_new] = known.try_emplace(key, static_cast<uint16_t>(known.size()));
    if (is_new) properties_.insert(properties_.end(), values.begin(), values.end());
    blocks_[block] = place->second;
  }
}

const char* Characters::skip(const char* at, const char* end, uint8_t property,
                             std::u32string_view signs) const {
  while (at < end) {
    const auto [point, size] = decode(at);
    if (!has(point, property) && signs.find(point) == std::u32string_view::npos) break;
    at += size;
  }
  return std::min(at, end);
}

const char* Characters::skip_back(const char* begin, const char* at, uint8_t property) const {
  while (at > begin) {
    const Character character = decode_before(begin, at);
    if (!has(character.point, property)) break;
    at -= character.size;
  }
  return at;
}

std::string_view Characters::trim(std::string_view text) const {
  const char* end = text.data() + text.size();
  const char* first = skip(text.data(), end, kBlank);
  return {first, static_cast<size_t>(skip_back(first, end, kBlank) - first)};
}

bool Characters::contains(std::string_view text, uint8_t property) const {
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const Character character = decode(at);
    if (has(character.point, property)) return true;
    at += character.size;
  }
  return false;
}

}  // namespace leia::corpus::wikitext
