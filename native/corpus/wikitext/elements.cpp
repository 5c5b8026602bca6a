#include "corpus/wikitext/elements.h"

#include <algorithm>

#include "corpus/wikitext/entities.h"

namespace leia::corpus::wikitext {

namespace {

// A tag in text without markup counts as an editor's mistake if its attributes are no longer than
// this, in UTF-16 units.
constexpr size_t kLongestAttributes = 60;

std::string_view between(const char* start, const char* end) {
  return {start, static_cast<size_t>(end - start)};
}

// The first end tag of this name, `</name >` in any case; empty if there is none.
std::string_view find_end_tag(std::string_view text, std::string_view name,
                              const Characters& characters) {
  const char* end = text.data() + text.size();
  for (size_t at = text.find("</"); at != std::string_view::npos; at = text.find("</", at + 2)) {
    if (in_small_letters(text.substr(at + 2, name.size())) != name) continue;
    const char* start = text.data() + at;
    const char* close = characters.skip(start + 2 + name.size(), end, kBlank);
    if (close < end && *close == '>') return between(start, close + 1);
  }
  return {};
}

// How much of the beginning of `text` is markup: whole links, templates and tags in nowiki are
// mostly an editor's mistake.
size_t accidental_markup(std::string_view text) {
  const char sign = text.front();
  if (sign == '[' || sign == ']') return text.substr(1).starts_with(sign) ? 2 : 0;
  if (sign != '<') {
    const size_t row = std::min(text.find_first_not_of(sign), text.size());
    return row >= (sign == '\'' ? 3 : 2) ? row : 0;
  }
  const size_t name = text.substr(1).starts_with('/') ? 2 : 1;
  const auto* attributes =
      std::find_if_not(text.begin() + std::min(name, text.size()), text.end(), is_ascii_letter);
  const auto start = static_cast<size_t>(attributes - text.begin());
  if (start <= name) return 0;
  const size_t close = text.find_first_of("<>", start);
  if (close == std::string_view::npos || text[close] == '<') return 0;
  return utf16_length(text.substr(start, close - start)) <= kLongestAttributes ? close + 1 : 0;
}

// The content of nowiki as text.
std::string literal_text(std::string_view content) {
  std::string text;
  while (!content.empty()) {
    const size_t plain = std::min(content.find_first_of("[]{}'<"), content.size());
    text += content.substr(0, plain);
    content.remove_prefix(plain);
    if (content.empty()) break;
    const size_t markup = accidental_markup(content);
    if (markup == 0) text += content.front();
    content.remove_prefix(std::max<size_t>(markup, 1));
  }
  std::string quoted;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool italic = text[i] == '\'' && i + 1 < text.size() && text[i + 1] == '\'';
    quoted += italic ? '"' : text[i];
    i += italic;
  }
  return decode_entities(quoted);
}

}  // namespace

void Elements::begin() {
  formulas_.clear();
  formula_count_ = 0;
  endless_.clear();
}

Elements::Element Elements::read(const Tag& tag, const char* end) {
  if (endless_.contains(tag.name)) return {nullptr, {}};
  const std::string_view end_tag = find_end_tag(between(tag.end, end), tag.name, characters_);
  if (end_tag.empty()) {
    endless_.insert(tag.name);
    return {nullptr, {}};
  }
  const std::string_view content = between(tag.end, end_tag.data());
  return {end_tag.data() + end_tag.size(), text_of(content, tag.action)};
}

std::string_view Elements::text_of(std::string_view content, TagAction action) {
  if (action == TagAction::kDrop) return {};
  if (action == TagAction::kLiteral) {
    text_ = literal_text(content);
    return text_;
  }
  ++formula_count_;
  const auto formula = formulas_.try_emplace(std::string(content), formula_count_).first;
  text_ = "formula_" + std::to_string(formula->second);
  return text_;
}

}  // namespace leia::corpus::wikitext
