#include "corpus/wikitext/template_functions.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/error.h"
#include "corpus/wikitext/chemical_formula.h"
#include "corpus/wikitext/measures.h"

namespace leia::corpus::wikitext {

namespace {

using Surroundings = TemplateSurroundings;

std::string without(std::string_view text, char sign) {
  std::string result(text);
  std::erase(result, sign);
  return result;
}

void replace_all(std::string& text, char sign, char other) {
  std::ranges::replace(text, sign, other);
}

std::string superscript(const TemplateValues& values, const Surroundings& around) {
  return scripted(values[1], true, around.scripts);
}

std::string subscript(const TemplateValues& values, const Surroundings& around) {
  return scripted(values[1], false, around.scripts);
}

// {{formatnum:1234.5}}, and {{formatnum:1,234.5|R}}, which takes the signs away.
std::string number(const TemplateValues& values, const Surroundings& around) {
  const std::string_view text = values[1];
  if (values[2] == "R") return without(text, ',');
  DecimalText parts;
  if (!read_decimal(text, parts)) return std::string(text);
  return std::string(parts.sign) + around.language.number(parts.whole, parts.decimals);
}

// {{val|1.23|0.05|e=6|u=m}}
std::string value(const TemplateValues& values, const Surroundings& around) {
  std::string text(values[1]);
  if (text.empty()) return text;
  std::string_view above = values[2];
  std::string_view below = values[3];
  if (!below.empty()) {
    if (above.starts_with('+')) above.remove_prefix(1);
    for (const std::string_view minus : {"-", "−"}) {
      if (!below.starts_with(minus)) continue;
      below.remove_prefix(minus.size());
      break;
    }
    text.append("+").append(above).append("−").append(below);
  } else if (!above.empty()) {
    text.append(above.starts_with('(') ? "" : "±").append(above);
  }
  if (values.has("e")) text += "×10" + scripted(values["e"], true, around.scripts);
  const std::string_view unit = values.has("u") ? values["u"] : values["ul"];
  if (!unit.empty()) text.append(" ").append(unit);
  return text;
}

// {{e|6}}: times a power of ten.
std::string power(const TemplateValues& values, const Surroundings& around) {
  const std::string_view exponent = values[1];
  return exponent.empty() ? std::string() : "×10" + scripted(exponent, true, around.scripts);
}

// {{unité|12500|km|2}}: a number, a unit, and its exponent.
std::string quantity(const TemplateValues& values, const Surroundings& around) {
  DecimalText parts;
  std::string text(values[1]);
  if (text.empty()) return text;
  if (read_decimal(values[1], parts)) {
    text = std::string(parts.sign) + around.language.number(parts.whole, parts.decimals);
  }
  if (values.has("e")) text += "×10" + scripted(values["e"], true, around.scripts);
  if (!values[2].empty()) text.append(" ").append(values[2]);
  return text + scripted(values[3], true, around.scripts);
}

// {{coord|57|18|22|N|4|27|32|W}}, {{coord|57.3|-4.46}}
// (https://en.wikipedia.org/wiki/Template:Coord); nothing if it stands beside the title alone.
std::string coordinates(const TemplateValues& values, const Surroundings&) {
  if (values["display"] == "title" || values["display"] == "t") return {};
  constexpr std::array<std::string_view, 3> kMarks = {"°", "′", "″"};
  constexpr std::array<std::array<std::string_view, 2>, 2> kDirections = {{{"N", "S"}, {"E", "W"}}};
  const auto directs = [&](uint32_t place, size_t axis) {
    return std::ranges::find(kDirections[axis], values[place]) != kDirections[axis].end();
  };
  // Without directions there are two numbers, which are negative in the south and west.
  const bool directed = directs(2, 0) || directs(3, 0) || directs(4, 0);
  std::string text;
  uint32_t place = 1;
  for (size_t axis = 0; axis < kDirections.size(); ++axis) {
    DecimalText number;
    size_t count = 0;
    bool negative = false;
    while (count < (directed ? kMarks.size() : 1) && read_decimal(values[place], number)) {
      negative |= !number.sign.empty() && number.sign != "+";
      text.append(number.whole);
      if (!number.decimals.empty()) text.append(".").append(number.decimals);
      text.append(kMarks[count++]);
      ++place;
    }
    if (count == 0 || (directed && !directs(place, axis))) return {};
    text += directed ? values[place++] : kDirections[axis][negative ? 1 : 0];
    if (axis == 0) text += ' ';
  }
  return text;
}

// {{IPA-de|bɛɐ̯ˈliːn|lang}}: a pronunciation, in brackets unless it has some.
std::string pronunciation(const TemplateValues& values, const Surroundings&) {
  std::string text(values[1]);
  if (text.empty() || text.front() == '[' || text.front() == '/') return text;
  return "[" + text + "]";
}

// {{frac|3|1|2}}: three and a half.
std::string fraction(const TemplateValues& values, const Surroundings&) {
  std::string text(values[1]);
  if (text.empty()) return text;
  if (values[2].empty()) return "1⁄" + text;
  if (values[3].empty()) return text.append("⁄").append(values[2]);
  return text.append(" ").append(values[2]).append("⁄").append(values[3]);
}

struct SoundCode {
  std::string_view code;
  std::string_view shown;
};
// Codes before the phonemes of {{IPAc-en}}, and what they show.
constexpr std::array<SoundCode, 12> kBeforeSounds = {{
    {"lang", "English: "},
    {"local", "locally "},
    {"ipa", "IPA: "},
    {"also", "also "},
    {"uk", "UK: "},
    {"us", "US: "},
    {"uklang", "British English: "},
    {"uslang", "American English: "},
    {"ukalso", "UK also "},
    {"usalso", "US also "},
    {"alsouk", "also UK: "},
    {"alsous", "also US: "},
}};
constexpr std::array<std::string_view, 5> kNoSounds = {"pron", "audio", "lang-us", "lang-uk",
                                                       "icon"};
constexpr std::array<std::string_view, 4> kAudio = {".oga", ".ogg", ".wav", ".mp3"};

// {{IPAc-en|lang|æ|l}} (https://en.wikipedia.org/wiki/Template:IPAc-en).
std::string phonemes(const TemplateValues& values, const Surroundings&) {
  std::string before;
  std::string sounds;
  for (const std::string_view part : values.listed()) {
    const std::string code = in_small_letters(part);
    const auto* const said = std::ranges::find(kBeforeSounds, code, &SoundCode::code);
    if (sounds.empty() && said != kBeforeSounds.end()) {
      before += said->shown;
      continue;
    }
    if (std::ranges::find(kNoSounds, code) != kNoSounds.end()) continue;
    const bool audio = std::ranges::any_of(
        kAudio, [&code](std::string_view ending) { return code.ends_with(ending); });
    if (!audio) sounds += part;
  }
  if (sounds.empty()) return sounds;
  replace_all(sounds, '_', ' ');
  return before + '/' + sounds + '/';
}

// {{respell|AL|gə|ridh-əm}}; no hyphen stands beside one that is there, or beside a blank, `_`.
std::string syllables(const TemplateValues& values, const Surroundings&) {
  const auto has_blank = [](std::string_view part) {
    return part.find('_') != std::string_view::npos;
  };
  std::string text;
  std::string_view before = "_";
  for (const std::string_view part : values.listed()) {
    const bool apart =
        has_blank(before) || before.ends_with('-') || has_blank(part) || part.starts_with('-');
    if (!apart) text += '-';
    text += part;
    before = part;
  }
  replace_all(text, '_', ' ');
  return text;
}

constexpr int32_t kMonths = 12;
constexpr int32_t kMostDays = 31;
constexpr size_t kYearDigits = 4;

std::string date_of(std::string_view year, std::string_view month, std::string_view day,
                    const LanguageForms& language) {
  int32_t y = 0;
  int32_t m = 0;
  int32_t d = 0;
  if (year.size() > kYearDigits || !read_whole(year, y) || y <= 0) return {};
  if (!read_whole(month, m) || m < 1 || m > kMonths) return month.empty() ? std::string(year) : "";
  if (!read_whole(day, d) || d < 1 || d > kMostDays) d = 0;
  return language.date(static_cast<uint32_t>(y), static_cast<uint32_t>(m),
                       static_cast<uint32_t>(d));
}

// A year, month and day, in this order: a day of death before one of birth, too.
std::string date(const TemplateValues& values, const Surroundings& around) {
  return date_of(values[1], values[2], values[3], around.language);
}

std::string day(const TemplateValues& values, const Surroundings& around) {
  return date_of(values[3], values[2], values[1], around.language);
}

constexpr std::array<std::string_view, kMonths> kEnglishMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};

// {{as of|2014|5|1|lc=y}}, in English alone; `alt` stands in its place.
std::string since(const TemplateValues& values, const Surroundings& around) {
  const std::string_view year = values[1];
  std::string_view month = values[2];
  const std::string_view day = values[3];
  if (values.has("alt")) return std::string(values["alt"]);
  if (!around.language.english || year.empty()) return {};
  int32_t number = 0;
  if (read_whole(month, number) && number >= 1 && number <= kMonths) {
    month = kEnglishMonths[static_cast<size_t>(number - 1)];
  }
  std::string text = values.has("lc") ? "as of " : "As of ";
  const bool american = in_small_letters(values["df"]) == "us";
  if (!month.empty() && !day.empty()) {
    text.append(american ? month : day).append(" ");
    text.append(american ? day : month).append(american ? ", " : " ");
  } else if (!month.empty()) {
    text.append(month).append(" ");
  }
  return text.append(year);
}

// {{llang|en|text}}, and {{langx|ja|家|ie|house}}, which in English says more of the word
// (https://en.wikipedia.org/wiki/Template:Langx).
std::string in_language(const TemplateValues& values, const Surroundings& around) {
  const std::string_view word = values[2].empty() ? values["text"] : values[2];
  if (word.empty()) return {};
  const auto found = around.language.labels.find(std::string(values[1]));
  std::string text(found == around.language.labels.end() ? "" : found->second);
  if (values["label"] == "none") {
    text.clear();
  } else if (values.has("label")) {
    text = std::string(values["label"]) + ": ";
  }
  text += word;
  if (!around.language.english) return text;
  const std::string_view roman = values[3].empty() ? values["translit"] : values[3];
  const std::string_view meaning = values[4].empty() ? values["lit"] : values[4];
  if (!roman.empty()) text.append(", romanized: ").append(roman);
  if (!meaning.empty()) text.append(", lit. '").append(meaning).append("'");
  return text;
}

// {{music|flat}}: B without it is another note.
std::string accidental(const TemplateValues& values, const Surroundings&) {
  constexpr std::array<std::array<std::string_view, 2>, 10> kAccidentals = {{{"flat", "♭"},
                                                                             {"b", "♭"},
                                                                             {"sharp", "♯"},
                                                                             {"#", "♯"},
                                                                             {"natural", "♮"},
                                                                             {"n", "♮"},
                                                                             {"doubleflat", "𝄫"},
                                                                             {"bb", "𝄫"},
                                                                             {"doublesharp", "𝄪"},
                                                                             {"x", "𝄪"}}};
  for (const auto& [name, sign] : kAccidentals) {
    if (values[1] == name) return std::string(sign);
  }
  return {};
}

std::string measure(const TemplateValues& values, const Surroundings& around) {
  return converted_measure(values, false, around.language);
}

std::string short_measure(const TemplateValues& values, const Surroundings& around) {
  return converted_measure(values, true, around.language);
}

struct NamedFunction {
  std::string_view name;
  TemplateFunction function;
};
constexpr std::array<NamedFunction, 19> kFunctions = {{
    {"sup", superscript},
    {"sub", subscript},
    {"number", number},
    {"value", value},
    {"power", power},
    {"quantity", quantity},
    {"coordinates", coordinates},
    {"pronunciation", pronunciation},
    {"fraction", fraction},
    {"chem", chemical_formula},
    {"phonemes", phonemes},
    {"syllables", syllables},
    {"date", date},
    {"day", day},
    {"since", since},
    {"language", in_language},
    {"accidental", accidental},
    {"convert", measure},
    {"abbreviated", short_measure},
}};

}  // namespace

std::string_view TemplateValues::operator[](std::string_view name) const {
  for (size_t i = values_.size(); i > 0; --i) {
    const auto& [key, text] = values_[i - 1];
    if (key == name && !text.empty()) return text;
  }
  return {};
}

std::string_view TemplateValues::operator[](uint32_t number) const {
  std::array<char, 10> digits;
  const auto [end, error] = std::to_chars(digits.begin(), digits.end(), number);
  return (*this)[std::string_view(digits.begin(), end)];
}

std::vector<std::string_view> TemplateValues::listed() const {
  std::vector<std::string_view> texts(values_.size());
  for (const auto& [key, text] : values_) {
    size_t number = 0;
    const auto [end, error] = std::from_chars(key.begin(), key.end(), number);
    const bool is_number = error == std::errc() && end == key.end() && !key.starts_with('0');
    if (is_number && number <= texts.size() && !text.empty()) texts[number - 1] = text;
  }
  texts.erase(std::ranges::find(texts, std::string_view()), texts.end());
  return texts;
}

TemplateFunction template_function(std::string_view name) {
  const auto* const found = std::ranges::find(kFunctions, name, &NamedFunction::name);
  if (found == kFunctions.end()) {
    fail("usage", text("wikitext: expected a function that templates have, got @", name));
  }
  return found->function;
}

std::string_view leading_digits(std::string_view text) {
  const auto* const end =
      std::ranges::find_if_not(text, [](char sign) { return sign >= '0' && sign <= '9'; });
  return text.substr(0, static_cast<size_t>(end - text.begin()));
}

bool read_decimal(std::string_view text, DecimalText& number) {
  number = {};
  for (const std::string_view sign : {"-", "−", "+"}) {
    if (!text.starts_with(sign)) continue;
    number.sign = sign;
    text.remove_prefix(sign.size());
    break;
  }
  number.whole = leading_digits(text);
  text.remove_prefix(number.whole.size());
  if (number.whole.empty()) return false;
  if (text.empty()) return true;
  if (text.front() != '.') return false;
  number.decimals = text.substr(1);
  return !number.decimals.empty() && leading_digits(number.decimals) == number.decimals;
}

bool read_whole(std::string_view text, int32_t& number) {
  constexpr size_t kMostDigits = 9;
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || digits.size() > kMostDigits) return false;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  return error == std::errc() && end == text.end();
}

}  // namespace leia::corpus::wikitext
