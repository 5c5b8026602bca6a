#include "corpus/wikitext/measures.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include "corpus/wikitext/units.h"

namespace leia::corpus::wikitext {

namespace {

// Calls `take` with each of the words between these signs.
template <class Take>
void each_word(std::string_view text, std::string_view separators, Take take) {
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(separators), text.size()));
    if (text.empty()) return;
    const size_t size = std::min(text.find_first_of(separators), text.size());
    take(text.substr(0, size));
    text.remove_prefix(size);
  }
}

// Between two numbers of a range: how it is written, and what stands there.
struct Separator {
  std::string_view written;
  std::string_view shown;
};
constexpr std::array kSeparators = std::to_array<Separator>({{"-", "–"},
                                                             {"–", "–"},
                                                             {"to", " to "},
                                                             {"and", " and "},
                                                             {"or", " or "},
                                                             {"x", " × "},
                                                             {"by", " by "},
                                                             {"×", " × "}});

constexpr int kMostDigits = 20;
constexpr size_t kMostWhole = 15;  // digits before the point: more are not exact
constexpr int kNoPlaces = std::numeric_limits<int>::min();
// Feet and inches are given to the centimetre.
constexpr double kInchesPrecision = 100;
// Logarithms of powers of ten come out a little less.
constexpr double kTiny = 1e-14;
// What a rounded value has in digits more than its precision, at least: log10(2).
const double kFiner = std::log10(2.0);

int magnitude(double size) {
  return static_cast<int>(std::floor(std::log10(size) + kTiny));
}

// To the nearest whole number, and up from the middle.
double rounded_up(double number) {
  const double below = std::floor(number);
  return number - below >= 0.5 ? below + 1 : below;
}

struct Quantity {
  double value = 0;
  // Digits behind the point, or how many zeros end the number, as a negative number. A fraction's
  // comes from its denominator.
  double precision = 0;
  std::string text;
  bool fraction = false;  // without whole ones before it
  bool inches = false;    // behind feet: they need more digits than the rule gives them
};

bool read_decimal_quantity(std::string_view written, const LanguageForms& language,
                           Quantity& quantity) {
  std::string plain(written.starts_with('.') ? "0" : "");
  std::ranges::copy_if(written, std::back_inserter(plain), [](char sign) { return sign != ','; });
  DecimalText number;
  if (!read_decimal(plain, number) || number.whole.size() > kMostWhole) return false;
  // Points to where the sign ends; the number is followed by nothing.
  std::from_chars(number.whole.begin(), plain.data() + plain.size(), quantity.value);
  quantity.text = language.number(number.whole, number.decimals);
  if (number.sign == "-" || number.sign == "−") {
    quantity.value = -quantity.value;
    quantity.text.insert(0, "−");
  }
  const size_t zeros = number.whole.size() - 1 - number.whole.find_last_not_of('0');
  quantity.precision = number.decimals.empty()
                           ? -static_cast<double>(std::min(zeros, number.whole.size() - 1))
                           : static_cast<double>(number.decimals.size());
  return true;
}

// `1+1/2` and `1/2` are fractions, all else is decimal.
bool read_quantity(std::string_view written, const LanguageForms& language, Quantity& quantity) {
  const size_t slash = written.find('/');
  if (slash == std::string_view::npos) return read_decimal_quantity(written, language, quantity);
  const size_t plus = written.find('+');
  const bool whole = plus != std::string_view::npos;
  const size_t start = whole ? plus + 1 : 0;
  if (whole && !read_decimal_quantity(written.substr(0, plus), language, quantity)) return false;
  int32_t numerator = 0;
  int32_t denominator = 0;
  if (start > slash || !read_whole(written.substr(start, slash - start), numerator)) return false;
  if (!read_whole(written.substr(slash + 1), denominator)) return false;
  if (quantity.value < 0 || numerator < 0 || denominator <= 0) return false;
  quantity.value += static_cast<double>(numerator) / denominator;
  quantity.precision = std::max(std::log10(denominator), 1.0);
  quantity.text.append(whole ? " " : "").append(std::to_string(numerator));
  quantity.text.append("⁄").append(std::to_string(denominator));
  quantity.fraction = !whole;
  return true;
}

// How many digits behind the point a converted value has.
int places_of(const Quantity& given, const Unit& from, const Unit& to, double result) {
  if (from.kind == UnitKind::kTemperature) {
    const double kelvin = std::abs(given.value * from.scale + from.zero);
    return std::max(static_cast<int>(given.precision), kelvin < 1e-8 ? 2 : 2 - magnitude(kelvin));
  }
  if (given.value == 0 || result == 0) return 0;
  const double size = std::abs(result);
  // Whole numbers give feet to the foot.
  const bool feet = to.symbol == "ft" && given.value == std::floor(given.value);
  const double ratio = feet           ? 1 / from.scale
                       : given.inches ? kInchesPrecision * to.scale
                                      : std::abs(given.value) / size;
  const double precision = given.precision + (std::log10(ratio) + kFiner);
  return std::max(static_cast<int>(std::floor(precision)), 1 - magnitude(size));
}

std::string rounded(double value, int places, const LanguageForms& language) {
  const double unit = std::pow(10.0, std::min(std::max(-places, 0), kMostDigits));
  const double size = std::abs(value);
  const double number = places < 0 ? rounded_up(size / unit) * unit : size;
  const std::string fixed = to_fixed(number, std::clamp(places, 0, kMostDigits));
  DecimalText parts;
  read_decimal(fixed, parts);
  std::string text = language.number(parts.whole, parts.decimals);
  const bool zero = fixed.find_first_of("123456789") == std::string::npos;
  return value < 0 && !zero ? "−" + text : text;
}

// Writes measures of one template.
class Measure {
 public:
  Measure(const TemplateValues& values, bool abbreviated, const LanguageForms& language)
      : values_(values), language_(language) {
    const std::string_view form = abbreviated ? "on" : values["abbr"];
    given_in_words_ = language.english && form != "on" && form != "in";
    result_in_words_ = language.english && (form == "off" || form == "in" || form == "none");
    american_ = values["sp"] == "us";
  }

  std::string text() {
    uint32_t place = read_numbers();
    if (place == 0) return {};
    const Unit* from = unit_of(values_[place]);
    if (from == nullptr) return unconverted(values_[place]);
    std::string shown = given(*from, numbers());
    const std::string_view targets = from->targets;
    if (const Unit* rest = read_rest(*from, place)) {
      shown.append(values_["adj"] == "on" ? "-" : " ").append(given(*rest, rest_.text));
      from = rest;
      place += 2;
    } else if (!rest_.text.empty()) {
      return shown.append(" ").append(rest_.text).append(" ").append(values_[place + 2]);
    }
    if (values_["disp"] == "out") return shown;
    read_rounding(values_[place + 2]);
    std::string results;
    const std::string_view named = values_[place + 1];
    each_word(named.empty() ? targets : named, named.empty() ? "," : " +\t\n",
              [&](std::string_view code) {
                const Unit* to = unit_of(code);
                if (to == nullptr || to->kind != from->kind) return;
                if (!results.empty()) results += "; ";
                results += converted(*from, *to);
              });
    return results.empty() ? shown : shown + " (" + results + ")";
  }

 private:
  // Reads one number or two; returns the place of the unit behind, or 0.
  uint32_t read_numbers() {
    for (uint32_t place = 1;; place += 2) {
      Quantity& quantity = numbers_.emplace_back();
      if (!read_quantity(values_[place], language_, quantity)) return 0;
      const auto* const sign =
          std::ranges::find(kSeparators, values_[place + 1], &Separator::written);
      if (sign == kSeparators.end() || numbers_.size() == 2) return place + 1;
      between_ = sign->shown;
    }
  }

  void read_rounding(std::string_view places) {
    if (!read_whole(places, places_)) places_ = kNoPlaces;
    if (!read_whole(values_["sigfig"], significant_)) significant_ = 0;
    read_whole(values_["round"], step_);
    constexpr std::array kSteps = {5, 10, 25, 50};
    if (std::ranges::find(kSteps, step_) == kSteps.end()) step_ = 0;
  }

  // Reads the smaller unit behind one: `5|ft|6|in`. The number is one of the smaller unit from then
  // on. Returns that, or nothing if there is none, or none that is known.
  const Unit* read_rest(const Unit& unit, uint32_t place) {
    const std::string_view code = values_[place + 2];
    if (numbers_.size() != 1 || code.empty() || is_number(code)) return nullptr;
    if (!read_quantity(values_[place + 1], language_, rest_)) return nullptr;
    const Unit* smaller = unit_of(code);
    const bool fits = smaller != nullptr && smaller->kind == unit.kind &&
                      smaller->scale < unit.scale && unit.kind != UnitKind::kTemperature;
    if (!fits) return nullptr;
    Quantity& whole = numbers_[0];
    whole.value = whole.value * unit.scale / smaller->scale +
                  (whole.text.starts_with("−") ? -rest_.value : rest_.value);
    whole.precision = std::max(rest_.precision, 0.0);
    whole.inches = smaller->symbol == "in";
    return smaller;
  }

  bool is_number(std::string_view text) const {
    Quantity quantity;
    return read_quantity(text, language_, quantity);
  }

  // With a unit that is not known, as it is written; `e6acre` is no word.
  std::string unconverted(std::string_view unit) const {
    const bool power = unit.size() > 1 && unit[0] == 'e' && unit[1] >= '0' && unit[1] <= '9';
    return unit.empty() || power ? std::string() : numbers().append(" ").append(unit);
  }

  std::string numbers() const {
    std::string text = numbers_[0].text;
    if (numbers_.size() == 2) text.append(between_).append(numbers_[1].text);
    return text;
  }

  // What stands in the page, before the brackets.
  std::string given(const Unit& unit, std::string text) const {
    if (!given_in_words_ || unit.one.empty()) return text.append(" ").append(unit.symbol);
    if (values_["adj"] == "on") return text + "-" + spelled(unit, true);
    const Quantity& last = rest_.text.empty() ? numbers_.back() : rest_;
    const bool one = std::abs(last.value) == 1 || (last.fraction && last.value < 1);
    return text + " " + spelled(unit, one || text == "1");
  }

  std::string converted(const Unit& from, const Unit& to) const {
    int places = kNoPlaces;
    std::array<double, 2> results = {};
    for (size_t i = 0; i < numbers_.size(); ++i) {
      results[i] = (numbers_[i].value * from.scale + from.zero - to.zero) / to.scale;
      places = std::max(places, places_of(numbers_[i], from, to, results[i]));
    }
    if (places_ != kNoPlaces) places = places_;
    const double size = std::abs(results[numbers_.size() - 1]);
    if (significant_ > 0 && size > 0) {
      places = significant_ - 1 - static_cast<int>(std::floor(std::log10(size)));
    }
    std::string text;
    std::string last;
    for (size_t i = 0; i < numbers_.size(); ++i) {
      last = step_ > 0 ? rounded(rounded_up(results[i] / step_) * step_, 0, language_)
                       : rounded(results[i], places, language_);
      if (i > 0) text += between_;
      text += last;
    }
    text += ' ';
    return result_in_words_ ? text + spelled(to, last == "1") : text.append(to.symbol);
  }

  // The English name of a unit behind one or many.
  std::string spelled(const Unit& unit, bool one) const {
    std::string name(one ? unit.one : unit.many);
    if (name.empty()) return std::string(unit.symbol);
    if (!american_) return name;
    for (const std::string_view british : {"metre", "litre"}) {
      const size_t found = name.find(british);
      if (found != std::string::npos) name.replace(found + 3, 2, "er");
    }
    return name;
  }

  const TemplateValues& values_;
  const LanguageForms& language_;
  bool given_in_words_ = false;
  bool result_in_words_ = false;
  bool american_ = false;
  std::vector<Quantity> numbers_;  // one or two
  std::string_view between_;
  Quantity rest_;  // of a smaller unit
  // How it is to be rounded: digits behind the point, significant ones, a multiple.
  int places_ = kNoPlaces;
  int significant_ = 0;
  int step_ = 0;
};

}  // namespace

std::string converted_measure(const TemplateValues& values, bool abbreviated,
                              const LanguageForms& language) {
  return Measure(values, abbreviated, language).text();
}

std::string to_fixed(double number, int digits) {
  // The longest double has 309 digits before the point.
  std::array<char, 400> buffer;
  const auto write = [&](int places) {
    const auto [end, error] =
        std::to_chars(buffer.begin(), buffer.end(), number, std::chars_format::fixed, places);
    return std::string(buffer.begin(), end);
  };
  // A number in the middle of two has one binary digit more than these decimals, and ends in 5.
  const double scaled = std::ldexp(number, digits + 1);
  if (scaled != std::floor(scaled)) return write(digits);
  std::string text = write(digits + 1);
  if (text.back() != '5') return write(digits);
  text.pop_back();
  if (digits == 0) text.pop_back();  // the point
  for (size_t at = text.size(); at > 0; --at) {
    char& sign = text[at - 1];
    if (sign == '.') continue;
    if (sign != '9') {
      ++sign;
      return text;
    }
    sign = '0';
  }
  return "1" + text;
}

}  // namespace leia::corpus::wikitext
