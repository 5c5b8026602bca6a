#include "corpus/wikitext/variants.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace leia::corpus::wikitext {

namespace {

// Languages with variants.
constexpr std::array<std::string_view, 17> kLanguages = {"en",  "zh", "gan", "wuu", "iu", "ike",
                                                         "kk",  "ku", "shi", "sr",  "sh", "tg",
                                                         "tly", "uz", "crh", "ban", "mni"};
// In units of UTF-16.
constexpr size_t kLongestCode = 80;
constexpr size_t kLongestFlags = 100;
constexpr size_t kMostBytesOfUnit = 3;
constexpr size_t kLongestPart = 9;

std::string_view between(const char* start, const char* end) {
  return {start, static_cast<size_t>(end - start)};
}

bool is_longer(std::string_view text, size_t units) {
  return text.size() > units * kMostBytesOfUnit || utf16_length(text) > units;
}

// `zh-hans`, in any case.
bool is_code(std::string_view text) {
  const std::string small = in_small_letters(text);
  std::string_view rest = small;
  bool is_language = true;
  while (true) {
    const std::string_view part = rest.substr(0, rest.find('-'));
    if (is_language) {
      const bool known = std::find(kLanguages.begin(), kLanguages.end(), part) != kLanguages.end();
      if (!known) return false;
    } else if (part.empty() || part.size() > kLongestPart ||
               !std::all_of(part.begin(), part.end(), is_ascii_letter)) {
      return false;
    }
    if (part.size() == rest.size()) return true;
    rest.remove_prefix(part.size() + 1);
    is_language = false;
  }
}

// Keeps the first of several alternatives.
void keep_first(const Frame& frame, Pieces& pieces) {
  if (frame.variant.option_start > frame.start) pieces.cut(frame.variant.option_start);
}

}  // namespace

void open_variant(const char* source, OpenFrames& open, Pieces& pieces) {
  Frame& frame = open.push(FrameKind::kVariant, pieces.length());
  frame.variant = {source, frame.start, false, false, false};
}

bool read_flags(Frame& frame, const char* at, Pieces& pieces, const Characters& characters) {
  Variant& variant = frame.variant;
  variant.flagged = true;
  const std::string_view flags = between(variant.source, at);
  if (is_longer(flags, kLongestFlags)) return false;
  for (const char* sign = flags.data(); sign < at;) {
    const Character character = decode(sign);
    const bool flag = is_ascii_letter(*sign) || *sign == ';' || *sign == '+' || *sign == '-';
    if (!flag && !characters.has(character.point, kBlank)) return false;
    sign += character.size;
  }
  const std::string_view first = characters.trim(flags.substr(0, flags.find(';')));
  variant.hidden = first == "-" || first == "T" || first == "H" || first == "D";
  pieces.cut(frame.start);
  variant.source = at + 1;
  return true;
}

bool read_code(Frame& frame, const char* at, Pieces& pieces, const Characters& characters) {
  Variant& variant = frame.variant;
  std::string_view code = between(variant.source, at);
  if (variant.coded || is_longer(code, kLongestCode)) return false;
  // `original=>zh-cn:…`
  const size_t arrow = code.rfind("=>");
  if (arrow != std::string_view::npos) {
    if (code.substr(0, arrow).find_first_of(":;") != std::string_view::npos) return false;
    code.remove_prefix(arrow + 2);
  }
  if (!is_code(characters.trim(code))) return false;
  pieces.cut(variant.option_start);
  variant.coded = true;
  variant.flagged = true;
  return true;
}

bool end_option(Frame& frame, const char* at, Pieces& pieces, const Characters&) {
  Variant& variant = frame.variant;
  if (!variant.coded) return false;
  keep_first(frame, pieces);
  variant.option_start = pieces.length();
  variant.coded = false;
  variant.source = at + 1;
  return true;
}

void close_variant(const Frame& frame, Pieces& pieces) {
  if (frame.variant.hidden) {
    pieces.cut(frame.start);
  } else {
    keep_first(frame, pieces);
  }
}

}  // namespace leia::corpus::wikitext
