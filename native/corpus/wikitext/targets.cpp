#include "corpus/wikitext/targets.h"

#include <algorithm>

#include "corpus/wikitext/entities.h"

namespace leia::corpus::wikitext {

namespace {

// The longest target whose name is shown without a label, in UTF-16 units.
constexpr size_t kMostShownUnits = 1000;

std::string_view from(std::string_view text, const char* start) {
  return text.substr(static_cast<size_t>(start - text.data()));
}

const char* end_of(std::string_view text) {
  return text.data() + text.size();
}

// The target without the name of a namespace and the colons around it.
std::string_view without_namespace(std::string_view target, const Characters& characters) {
  const size_t first = target.find(':');
  if (first == std::string_view::npos) return target;
  const char* word = characters.skip(target.data(), end_of(target), kBlank);
  const bool leading = word == target.data() + first;
  const size_t second = leading ? target.find(':', first + 1) : first;
  const size_t last = second == std::string_view::npos ? first : second;
  const char* name = target.data() + last + 1;
  return from(target, characters.skip(name, end_of(target), kBlank));
}

bool is_one_of(uint32_t point, std::u32string_view signs) {
  return signs.find(static_cast<char32_t>(point)) != std::u32string_view::npos;
}

constexpr std::u32string_view kOpening = U"(\uff08";
constexpr std::u32string_view kClosing = U")\uff09";
constexpr std::u32string_view kCommas = U",\u060c\uff0c\u3001";

// The text up to `end` without blanks at its end.
std::string_view before(std::string_view text, const char* end, const Characters& characters) {
  const char* last = characters.skip_back(text.data(), end, kBlank);
  return text.substr(0, static_cast<size_t>(last - text.data()));
}

// The title without brackets at its end, as in `Law (economics)`.
std::string_view without_suffix(std::string_view name, const Characters& characters) {
  const char* begin = name.data();
  const char* end = characters.skip_back(begin, end_of(name), kBlank);
  for (const char* at = end; at > begin;) {
    const Character character = decode_before(begin, at);
    const bool closes = is_one_of(character.point, kClosing);
    if (closes != (at == end)) return name;
    at -= character.size;
    if (is_one_of(character.point, kOpening)) return before(name, at, characters);
  }
  return name;
}

std::string_view without_clause(std::string_view name, const Characters& characters) {
  const char* end = end_of(name);
  for (const char* at = name.data(); at < end;) {
    const Character character = decode(at);
    if (is_one_of(character.point, kCommas)) return before(name, at, characters);
    at += character.size;
  }
  return name;
}

}  // namespace

LinkTargets::LinkTargets(const Characters& characters, std::span<const uint32_t> capitals, Ask ask)
    : characters_(characters), ask_(std::move(ask)) {
  for (size_t i = 0; i + 1 < capitals.size(); i += 2) {
    capitals_[capitals[i]] = capitals[i + 1];
    if (capitals[i] < small_.size()) small_.set(capitals[i]);
  }
}

Target LinkTargets::resolve(Name kept, Pieces& pieces) {
  const std::string_view written = pieces.name(kept);
  if (written.size() > kMostUnits && utf16_length(written) > kMostUnits) {
    return {TargetKind::kText, {}};
  }
  if (is_plain(written)) return {TargetKind::kArticle, with_capital(kept, pieces)};
  if (is_hidden(written)) return {TargetKind::kHidden, {}};
  const std::string answer = ask_(written);
  const char kind = answer.empty() ? 'h' : answer.front();
  if (kind == 'p') hide(written.substr(0, written.find(':')));
  if (kind == 'h' || kind == 'p') return {TargetKind::kHidden, {}};
  const std::string_view text = std::string_view(answer).substr(1);
  if (kind != 'a') return {TargetKind::kText, pieces.keep(text)};
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view shown = text.substr(std::min(end + 1, text.size()));
  return {TargetKind::kArticle, pieces.keep(text.substr(0, end)), pieces.keep(shown)};
}

void LinkTargets::hide(std::string_view prefix) {
  if (hides(prefix) || hidden_prefixes_.size() == kMostPrefixes) return;
  hidden_prefixes_.emplace_back(prefix);
}

bool LinkTargets::hides(std::string_view prefix) const {
  return std::ranges::find(hidden_prefixes_, prefix) != hidden_prefixes_.end();
}

// Whether the prefix before its colon is known to hide a target.
bool LinkTargets::is_hidden(std::string_view target) const {
  const size_t colon = target.find(':');
  if (colon == std::string_view::npos) return false;
  return hides(target.substr(0, colon)) && is_plain(target.substr(colon + 1));
}

// Whether a target is a title as it stands.
bool LinkTargets::is_plain(std::string_view target) const {
  if (target.starts_with('\'')) return false;
  const char* end = end_of(target);
  uint32_t previous = ' ';
  uint8_t properties_before = 0;
  for (const char* at = target.data(); at < end;) {
    const auto [point, size] = decode(at);
    const uint8_t properties = characters_.properties(point);
    if ((properties & kOdd) != 0 || (properties & properties_before & kMoving) != 0) return false;
    if (point == ' ' && previous == ' ') return false;
    if (point == '.' && (at == target.data() || previous == '/')) return false;
    previous = point;
    properties_before = properties;
    at += size;
  }
  return previous != ' ' && previous != '\'';
}

Name LinkTargets::with_capital(Name title, Pieces& pieces) const {
  const std::string_view small = pieces.name(title);
  const Character first = decode(small.data());
  if (first.point < small_.size() && !small_[first.point]) return title;
  const auto capital = capitals_.find(first.point);
  if (capital == capitals_.end()) return title;
  std::string changed;
  append_utf8(capital->second, changed);
  return pieces.keep(changed.append(small.substr(first.size)));
}

std::string_view pipe_trick(std::string_view target, const Characters& characters) {
  if (utf16_length(target) > kMostShownUnits) return {};
  const std::string_view name = without_namespace(target, characters);
  const std::string_view bare = without_suffix(name, characters);
  return bare.size() < name.size() ? bare : without_clause(name, characters);
}

}  // namespace leia::corpus::wikitext
