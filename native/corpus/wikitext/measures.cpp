#include "corpus/wikitext/measures.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace leia::corpus::wikitext {

namespace {

enum class Kind : uint8_t { kLength, kArea, kMass, kVolume, kSpeed, kPower, kTemperature };

struct Unit {
  std::string_view codes;  // with commas
  std::string_view symbol;
  // In English and British spelling; where there are none, the symbol stands.
  std::string_view one;
  std::string_view many;
  Kind kind;
  double scale;              // how many base units one is
  std::string_view targets;  // the units it is converted to unless others are named
  double zero = 0;           // temperatures: what 0 is in the base unit
};

constexpr std::array kUnits = std::to_array<Unit>({
    {"mm", "mm", "millimetre", "millimetres", Kind::kLength, 0.001, "in"},
    {"cm", "cm", "centimetre", "centimetres", Kind::kLength, 0.01, "in"},
    {"m", "m", "metre", "metres", Kind::kLength, 1, "ft"},
    {"km", "km", "kilometre", "kilometres", Kind::kLength, 1000, "mi"},
    {"in", "in", "inch", "inches", Kind::kLength, 0.0254, "mm"},
    {"ft,foot", "ft", "foot", "feet", Kind::kLength, 0.3048, "m"},
    {"yd", "yd", "yard", "yards", Kind::kLength, 0.9144, "m"},
    {"mi,mile", "mi", "mile", "miles", Kind::kLength, 1609.344, "km"},
    {"nmi", "nmi", "nautical mile", "nautical miles", Kind::kLength, 1852, "km,mi"},
    {"m2", "m²", "square metre", "square metres", Kind::kArea, 1, "sqft"},
    {"km2", "km²", "square kilometre", "square kilometres", Kind::kArea, 1000000, "sqmi"},
    {"ha", "ha", "hectare", "hectares", Kind::kArea, 10000, "acre"},
    {"sqft,ft2", "sq ft", "square foot", "square feet", Kind::kArea, 0.09290304, "m2"},
    {"acre", "acres", "acre", "acres", Kind::kArea, 4046.8564224, "ha"},
    {"sqmi,mi2", "sq mi", "square mile", "square miles", Kind::kArea, 2589988.110336, "km2"},
    {"g", "g", "gram", "grams", Kind::kMass, 0.001, "oz"},
    {"kg", "kg", "kilogram", "kilograms", Kind::kMass, 1, "lb"},
    {"t", "t", "tonne", "tonnes", Kind::kMass, 1000, "LT,ST"},
    {"lb,lbs", "lb", "pound", "pounds", Kind::kMass, 0.45359237, "kg"},
    {"oz", "oz", "ounce", "ounces", Kind::kMass, 0.028349523125, "g"},
    {"LT", "long tons", "long ton", "long tons", Kind::kMass, 1016.0469088, "t"},
    {"ST", "short tons", "short ton", "short tons", Kind::kMass, 907.18474, "t"},
    {"L,l", "L", "litre", "litres", Kind::kVolume, 0.001, "impgal,USgal"},
    {"m3", "m³", "cubic metre", "cubic metres", Kind::kVolume, 1, "cuft"},
    {"cuft,ft3", "cu ft", "cubic foot", "cubic feet", Kind::kVolume, 0.028316846592, "m3"},
    {"USgal", "US gal", "US gallon", "US gallons", Kind::kVolume, 0.003785411784, "L,impgal"},
    {"impgal", "imp gal", "imperial gallon", "imperial gallons", Kind::kVolume, 0.00454609,
     "L,USgal"},
    {"km/h", "km/h", "kilometre per hour", "kilometres per hour", Kind::kSpeed, 0.2777777777777778,
     "mph"},
    {"mph", "mph", "mile per hour", "miles per hour", Kind::kSpeed, 0.44704, "km/h"},
    {"m/s", "m/s", "metre per second", "metres per second", Kind::kSpeed, 1, "ft/s"},
    {"ft/s", "ft/s", "foot per second", "feet per second", Kind::kSpeed, 0.3048, "m/s"},
    {"kn", "kn", "knot", "knots", Kind::kSpeed, 0.5144444444444445, "km/h,mph"},
    {"kW", "kW", "kilowatt", "kilowatts", Kind::kPower, 1000, "hp"},
    {"hp", "hp", "horsepower", "horsepower", Kind::kPower, 745.6998715822702, "kW"},
    {"C", "°C", "", "", Kind::kTemperature, 1, "F", 273.15},
    {"F", "°F", "", "", Kind::kTemperature, 0.5555555555555556, "C", 255.3722222222222},
    {"K", "K", "", "", Kind::kTemperature, 1, "C,F"},
});

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

const Unit* unit_of(std::string_view code) {
  static const auto known = [] {
    std::unordered_map<std::string_view, const Unit*> units;
    for (const Unit& unit : kUnits) {
      each_word(unit.codes, ",", [&](std::string_view one) { units.emplace(one, &unit); });
    }
    return units;
  }();
  const auto found = known.find(code);
  return found == known.end() ? nullptr : found->second;
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
  // Digits behind the point, or how many zeros end the number, as a negative number.
  int precision = 0;
  std::string text;
};

bool read_quantity(std::string_view written, const LanguageForms& language, Quantity& quantity) {
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
                           ? -static_cast<int>(std::min(zeros, number.whole.size() - 1))
                           : static_cast<int>(number.decimals.size());
  return true;
}

// How many digits behind the point a converted value has.
int places_of(const Quantity& given, const Unit& from, const Unit& to, double result) {
  if (from.kind == Kind::kTemperature) {
    const double kelvin = std::abs(given.value * from.scale + from.zero);
    return std::max(given.precision, kelvin < 1e-8 ? 2 : 2 - magnitude(kelvin));
  }
  if (given.value == 0 || result == 0) return 0;
  const double size = std::abs(result);
  // Whole numbers give feet to the foot.
  const bool feet = to.symbol == "ft" && given.value == std::floor(given.value);
  const double ratio = feet ? 1 / from.scale : std::abs(given.value) / size;
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
    const uint32_t place = read_numbers();
    const Unit* from = place == 0 ? nullptr : unit_of(values_[place]);
    if (from == nullptr) return {};
    std::string shown = given(*from);
    if (values_["disp"] == "out") return shown;
    read_rounding(values_[place + 2]);
    std::string results;
    const std::string_view named = values_[place + 1];
    each_word(named.empty() ? from->targets : named, named.empty() ? "," : " +\t\n",
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

  // What stands in the page, before the brackets.
  std::string given(const Unit& unit) const {
    std::string text = numbers_[0].text;
    if (numbers_.size() == 2) text.append(between_).append(numbers_[1].text);
    if (!given_in_words_ || unit.one.empty()) return text.append(" ").append(unit.symbol);
    if (values_["adj"] == "on") return text + "-" + spelled(unit, true);
    const bool one = std::abs(numbers_.back().value) == 1;
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
