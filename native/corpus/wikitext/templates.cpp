#include "corpus/wikitext/templates.h"

#include <algorithm>
#include <array>

namespace leia::corpus::wikitext {

namespace {

constexpr std::string_view kBlanks = " \t\n";
constexpr std::string_view kEnglish = "en";
// Of an argument that names a language or a page, or that a function reads. In bytes.
constexpr size_t kLongestValue = 1000;
constexpr float kLoad = 0.25F;       // names a bucket, so that few share one
constexpr size_t kShapeFactor = 37;  // spreads the shapes of names

std::string_view trimmed(std::string_view text) {
  const size_t start = std::min(text.find_first_not_of(kBlanks), text.size());
  text.remove_prefix(start);
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// A sign of a template's name as the table has it: with small ASCII letters and blanks.
char in_table(char sign) {
  if (sign == '_') return ' ';
  return sign >= 'A' && sign <= 'Z' ? static_cast<char>(sign | 0x20) : sign;
}

// A value without the apostrophes of bold and italics. A function could not tell which of its text
// they belong to.
std::string_view without_quotes(std::string_view text, std::string& room) {
  if (text.find("''") == std::string_view::npos) return text;
  std::string plain;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_not_of('\'', at), text.size());
    if (end - at < 2) plain += text.substr(at, std::max<size_t>(end - at, 1));
    at = std::max(end, at + 1);
  }
  room = std::move(plain);
  return room;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Templates::Templates(std::span<const TemplateDefinition> definitions, bool links,
                     TemplateSurroundings surroundings)
    : links_(links), surroundings_(surroundings) {
  numbers_.max_load_factor(kLoad);
  for (const auto& [names, shown] : definitions) {
    for (const std::string& name : names) {
      numbers_[name] = static_cast<uint32_t>(definitions_.size());
      present_.set(shape(name));
    }
    definitions_.push_back(define(shown));
  }
}

Templates::Definition Templates::define(std::string_view shown) {
  Definition definition;
  if (shown.starts_with('@')) {
    definition.function = template_function(shown.substr(1));
  } else if (shown.starts_with("-> ")) {
    const std::vector<std::string> parts = split(shown.substr(3), ' ');
    Link link;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (i < 2) {
        (i == 0 ? link.label : link.target) = split(parts[i], '|');
      } else {
        const size_t sign = parts[i].find('=');
        link.languages.emplace_back(parts[i].substr(0, sign), parts[i].substr(sign + 1));
      }
    }
    definition.links.push_back(std::move(link));
  } else {
    definition.parts = parse(shown);
  }
  return definition;
}

// Reads up to the end of a group or of the text.
std::vector<Templates::Part> Templates::parse(std::string_view& shown) {
  std::vector<Part> parts;
  while (!shown.empty() && shown.front() != ']') {
    Part part;
    const char sign = shown.front();
    size_t end = std::min(shown.find_first_of("{[]"), shown.size());
    if (sign == '{') {
      end = shown.find('}');
      part.keys = split(shown.substr(1, end - 1), '|');
      shown.remove_prefix(end + 1);
    } else if (sign == '[') {
      shown.remove_prefix(1);
      part.parts = parse(shown);
      shown.remove_prefix(1);
    } else {
      part.text = shown.substr(0, end);
      shown.remove_prefix(end);
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

uint32_t Templates::find(std::string_view name) const {
  name = trimmed(name);
  if (name.size() > kLongestName) return kNone;
  const uint32_t number = number_of(name);
  if (number != kNone) return number;
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? kNone : number_of(name.substr(0, colon + 1));
}

// Of a name as it is written, without blanks around it.
uint32_t Templates::number_of(std::string_view name) const {
  if (!present_[shape(name)]) return kNone;
  std::array<char, kLongestName> buffer = {};
  std::ranges::transform(name, buffer.begin(), in_table);
  const auto found = numbers_.find(std::string_view(buffer.data(), name.size()));
  return found == numbers_.end() ? kNone : found->second;
}

// A number that names share which are equal once they are written in small letters.
size_t Templates::shape(std::string_view name) const {
  if (name.empty()) return 0;
  size_t number = name.size();
  for (const char sign : {name.front(), name[name.size() / 2], name.back()}) {
    number = number * kShapeFactor + static_cast<uint8_t>(in_table(sign));
  }
  return number % present_.size();
}

bool Templates::expand(uint32_t number, uint32_t start, std::span<const Place> arguments,
                       Pieces& pieces, LinkTargets& targets) {
  const Definition& definition = definitions_[number];
  read_arguments(start, arguments, pieces);
  shown_.clear();
  result_.clear();
  if (!definition.links.empty()) return link(definition.links[0], start, pieces, targets);
  if (definition.function != nullptr) {
    if (!call(definition.function, pieces)) return false;
  } else if (!show(definition.parts, pieces) && !arguments_.empty()) {
    return false;  // all of the arguments that it shows are empty
  }
  pieces.keep_only(start, shown_);
  return true;
}

// A name before a ':' is followed by the first argument.
void Templates::read_arguments(uint32_t start, std::span<const Place> places,
                               const Pieces& pieces) {
  arguments_.clear();
  size_t count = 0;
  const uint32_t name_end = places.empty() ? pieces.length() : places[0].piece - 1;
  const size_t colon = start < name_end ? pieces.at(start).find(':') : std::string_view::npos;
  if (colon != std::string_view::npos) {
    const auto skip = static_cast<uint32_t>(colon + 1);
    arguments_.push_back({std::to_string(++count), {start, name_end, skip, {}}});
  }
  for (size_t i = 0; i < places.size(); ++i) {
    const auto [piece, offset] = places[i];
    const uint32_t end = i + 1 < places.size() ? places[i + 1].piece - 1 : pieces.length();
    Argument argument = {{}, {piece, end, 0, {}}};
    // A name stands right behind the '|', before any markup.
    const bool plain = piece < end && pieces.begins_at(piece, offset);
    const std::string_view first = plain ? pieces.at(piece) : std::string_view();
    const size_t sign = first.find('=');
    if (sign == std::string_view::npos) {
      argument.key = std::to_string(++count);
    } else {
      argument.key = trimmed(first.substr(0, sign));
      const size_t value = first.find_first_not_of(kBlanks, sign + 1);
      argument.value.skip = static_cast<uint32_t>(std::min(value, first.size()));
    }
    arguments_.push_back(std::move(argument));
  }
}

// The first of these arguments that is not empty; of two with one name the last counts.
Templates::Argument* Templates::find_argument(std::span<const std::string> keys,
                                              const Pieces& pieces) {
  for (const std::string& key : keys) {
    const auto found = std::find_if(arguments_.rbegin(), arguments_.rend(),
                                    [&](const Argument& one) { return one.key == key; });
    if (found != arguments_.rend() && pieces.has_text(found->value)) return &*found;
  }
  return nullptr;
}

// Adds what the parts show. Returns whether any of their arguments is there, or true if they have
// none.
bool Templates::show(std::span<const Part> parts, const Pieces& pieces) {
  bool asked = false;
  bool found = false;
  for (const Part& part : parts) {
    if (!part.text.empty()) {
      shown_.push_back({0, 0, 0, part.text});
    } else if (!part.keys.empty()) {
      asked = true;
      Argument* argument = find_argument(part.keys, pieces);
      if (argument == nullptr || argument->shown) continue;
      argument->shown = true;
      shown_.push_back(argument->value);
      found = true;
    } else {
      const size_t size = shown_.size();
      asked = true;
      if (show(part.parts, pieces)) {
        found = true;
      } else {
        shown_.resize(size);
      }
    }
  }
  return found || !asked;
}

bool Templates::call(TemplateFunction function, const Pieces& pieces) {
  values_.clear();
  joined_.resize(std::max(joined_.size(), arguments_.size()));
  for (size_t i = 0; i < arguments_.size(); ++i) {
    const auto& [name, value, shown] = arguments_[i];
    const std::string_view text = trimmed(pieces.text_of(value, kLongestValue, joined_[i]));
    values_.push_back({name, without_quotes(text, joined_[i])});
  }
  result_ = function(TemplateValues(values_), surroundings_);
  if (!result_.empty()) shown_.push_back({0, 0, 0, result_});
  return !result_.empty();
}

bool Templates::link(const Link& link, uint32_t start, Pieces& pieces, LinkTargets& targets) {
  const Argument* label = find_argument(link.label, pieces);
  const Argument* target = find_argument(link.target, pieces);
  if (label == nullptr) label = target;
  if (label == nullptr) return false;
  const auto text = [&](const Argument* argument) {
    if (argument == nullptr) return std::string();
    std::string joined;
    return std::string(trimmed(pieces.text_of(argument->value, kLongestValue, joined)));
  };
  const auto value = [&](const std::string& key) { return text(find_argument({&key, 1}, pieces)); };
  std::string english;
  for (const auto& [language, title] : link.languages) {
    const bool assumed = language.starts_with('?');
    const std::string code = value(assumed ? language.substr(1) : language);
    if (language == kEnglish || code == kEnglish || (assumed && code.empty())) {
      english = value(title);
    }
    if (!english.empty()) break;
  }
  const std::string page = text(target);
  const size_t links_inside = pieces.links_since(start);
  shown_.push_back(label->value);
  pieces.keep_only(start, shown_);
  if (!links_ || page.empty() || links_inside > 0) return true;
  const Target found = targets.resolve(pieces.keep(page), pieces);
  if (found.kind == TargetKind::kArticle) pieces.add_link(start, found.name, pieces.keep(english));
  return true;
}

}  // namespace leia::corpus::wikitext
