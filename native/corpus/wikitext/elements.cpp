#include "corpus/wikitext/elements.h"

namespace leia::corpus::wikitext {

namespace {

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

// A text whose rows of blanks and line breaks are one blank each, without those at its ends.
std::string in_one_line(std::string_view text) {
  std::string line;
  bool blank = false;
  for (const char sign : text) {
    const bool here = sign == ' ' || sign == '\t' || sign == '\n' || sign == '\r';
    if (!here && blank && !line.empty()) line += ' ';
    if (!here) line += sign;
    blank = here;
  }
  return line;
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
  return {end_tag.data() + end_tag.size(), text_of(content, tag)};
}

std::string_view Elements::text_of(std::string_view content, const Tag& tag) {
  if (tag.action == TagAction::kDrop) return {};
  if (tag.action == TagAction::kLiteral) {
    text_ = decode_entities(content, decoding_);
    return text_;
  }
  if (keep_formulas_) {
    text_ = in_one_line(content);
    if (text_.empty()) return text_;
    text_ = tag.name == "math" ? "$" + text_ + "$" : "$\\ce{" + text_ + "}$";
    return text_;
  }
  ++formula_count_;
  const auto formula = formulas_.try_emplace(std::string(content), formula_count_).first;
  text_ = "formula_" + std::to_string(formula->second);
  return text_;
}

}  // namespace leia::corpus::wikitext
