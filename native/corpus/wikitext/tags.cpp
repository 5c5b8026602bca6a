#include "corpus/wikitext/tags.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

namespace leia::corpus::wikitext {

namespace {

using Words = std::unordered_set<std::string_view>;

// Calls `take` with each of the words between blanks and line breaks.
template <class Take>
void each_word(std::string_view list, Take take) {
  while (true) {
    const size_t start = list.find_first_not_of(" \n");
    if (start == std::string_view::npos) return;
    const size_t end = std::min(list.find_first_of(" \n", start), list.size());
    take(list.substr(start, end - start));
    list.remove_prefix(end);
  }
}

Words words(std::string_view list) {
  Words result;
  each_word(list, [&](std::string_view word) { result.insert(word); });
  return result;
}

struct TagNames {
  TagAction action;
  std::string_view names;
};

constexpr std::array<TagNames, 7> kTags = {{
    {TagAction::kUnwrap, R"(
        a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark meta link
        nobr noinclude onlyinclude q rb rbc rp rt rtc ruby s samp section small span strike strong
        sub sup time translate tvar tt u var wbr thead tbody tfoot col colgroup langconvert poem
        noexternallanglinks font-face languages)"},
    {TagAction::kBlock, R"(
        blockquote caption center dd details dir div dl dt h1 h2 h3 h4 h5 h6 hr li menu ol p summary td th
        tr ul figure figcaption nav header footer article aside main)"},
    {TagAction::kBreak, "br"},
    {TagAction::kDrop, R"(
        categorytree charinsert dynamicpagelist forum gallery graph hiero imagemap includeonly
        indicator inputbox mapframe maplink math-block phonos pre quiz ref references rss score
        source syntaxhighlight talkpage templatedata templatestyles thread timeline)"},
    {TagAction::kFormula, "math chem ce"},
    {TagAction::kLiteral, "nowiki"},
    {TagAction::kTable, "table"},
}};

const std::unordered_map<std::string_view, TagAction>& tag_actions() {
  static const auto actions = [] {
    std::unordered_map<std::string_view, TagAction> result;
    for (const auto& [action, names] : kTags) {
      each_word(names, [&, action = action](std::string_view name) { result[name] = action; });
    }
    return result;
  }();
  return actions;
}

const Words& english_switches() {
  static const Words names = words(R"(
      notoc forcetoc toc noeditsection newsectionlink nonewsectionlink nogallery hiddencat
      expectedunusedcategory expectunusedcategory nocontentconvert nocc notitleconvert notc start end
      index noindex staticredirect disambig nototalk noglobal expectunusedtemplate archivedtalk
      notalk)");
  return names;
}

// Schemes after which an address begins with two slashes, and those after which it does not.
const Words& schemes_with_slashes() {
  static const Words names =
      words("http https ftp ftps sftp git gopher irc ircs mms nntp redis ssh svn telnet worldwind");
  return names;
}
const Words& schemes_without_slashes() {
  static const Words names = words("bitcoin geo magnet mailto news sip sips sms tel urn xmpp");
  return names;
}

bool is_name_sign(char sign) {
  return is_ascii_letter(sign) || (sign >= '0' && sign <= '9') || sign == '-';
}

// Moves past `least` to `most` characters of this property; null if there are fewer or more.
const char* name_part(const char* at, const char* end, const Characters& characters,
                      uint8_t property, int least, int most) {
  int count = 0;
  for (; at < end; ++count) {
    const Character character = decode(at);
    if (!characters.has(character.point, property)) break;
    if (count == most) return nullptr;
    at += character.size;
  }
  return count < least ? nullptr : at;
}

bool starts_with(const char* at, const char* end, std::string_view sign) {
  return std::string_view(at, static_cast<size_t>(end - at)).starts_with(sign);
}

constexpr std::string_view kWideUnderscores = "\uff3f\uff3f";
constexpr int kMostSwitchParts = 5;  // after the first

}  // namespace

std::optional<Tag> tag_at(const char* at, const char* end, const Characters& characters) {
  const char* name = at + 1;
  const bool closing = name < end && *name == '/';
  if (closing) name = characters.skip(name + 1, end, kBlank);
  if (name == end || !is_ascii_letter(*name)) return std::nullopt;
  const char* after = std::find_if_not(name, end, is_name_sign);
  if (after < end && *after != '/' && *after != '>' &&
      !characters.has(decode(after).point, kBlank)) {
    return std::nullopt;
  }
  std::string small = in_small_letters({name, static_cast<size_t>(after - name)});
  const auto action = tag_actions().find(small);
  if (action == tag_actions().end()) return std::nullopt;
  const char* close =
      std::find_if(after, end, [](char sign) { return sign == '<' || sign == '>'; });
  const bool closed = close < end && *close == '>';
  const std::string_view attributes(after, static_cast<size_t>(close - after));
  return Tag{std::move(small), action->second, closing, closed, attributes, close + closed};
}

const char* attributes_end(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  while (true) {
    const size_t name = text.find_first_not_of(kBlanks);
    if (name == std::string_view::npos || name == 0) return text.data();
    const std::string_view rest = text.substr(name);
    const auto* sign = std::find_if_not(rest.begin(), rest.end(), is_name_sign);
    if (sign == rest.begin() || sign == rest.end() || *sign != '=') return text.data();
    const std::string_view value = rest.substr(static_cast<size_t>(sign - rest.begin()) + 1);
    const bool quoted = value.starts_with('"') || value.starts_with('\'');
    size_t end = quoted ? value.find(value.front(), 1) : value.find_first_of(" \t\n");
    if (quoted && end != std::string_view::npos) ++end;
    end = std::min({end, value.find('\n'), value.size()});
    text = value.substr(end);
  }
}

const char* switch_end(const char* at, const char* end, const Characters& characters) {
  if (*at != '_') {
    if (!starts_with(at, end, kWideUnderscores)) return nullptr;
    const char* name = at + kWideUnderscores.size();
    const char* after = name_part(name, end, characters, kWide, 2, 20);
    if (after == nullptr || !starts_with(after, end, kWideUnderscores)) return nullptr;
    return after + kWideUnderscores.size();
  }
  if (!starts_with(at, end, "__")) return nullptr;
  const char* name = at + 2;
  const char* after = name_part(name, end, characters, kSwitch, 2, 40);
  for (int part = 0; after != nullptr && !starts_with(after, end, "__"); ++part) {
    if (part == kMostSwitchParts || !starts_with(after, end, "_")) return nullptr;
    after = name_part(after + 1, end, characters, kSwitch, 1, 40);
  }
  if (after == nullptr) return nullptr;
  const std::string_view written(name, static_cast<size_t>(after - name));
  const bool has_small = std::any_of(written.begin(), written.end(),
                                     [](char sign) { return sign >= 'a' && sign <= 'z'; });
  const bool is_switch = !has_small || english_switches().contains(in_small_letters(written));
  return is_switch ? after + 2 : nullptr;
}

const char* address_end(const char* at, const char* end, const Characters& characters) {
  constexpr size_t kLongestScheme = 9;
  const char* scheme_end =
      std::find_if_not(at, std::min(end, at + kLongestScheme), is_ascii_letter);
  const char* address = at;
  bool some_sign = false;
  if (scheme_end > at) {
    if (scheme_end == end || *scheme_end != ':') return nullptr;
    const auto scheme = in_small_letters({at, static_cast<size_t>(scheme_end - at)});
    address = scheme_end + 1;
    some_sign = schemes_without_slashes().contains(scheme);
    if (!some_sign && !schemes_with_slashes().contains(scheme)) return nullptr;
  }
  if (!some_sign && !starts_with(address, end, "//")) return nullptr;
  const char* after = address;
  while (after < end && std::string_view("[]<>\"").find(*after) == std::string_view::npos) {
    const Character character = decode(after);
    if (characters.has(character.point, kBlank)) break;
    after += character.size;
  }
  return some_sign && after == address ? nullptr : after;
}

}  // namespace leia::corpus::wikitext
