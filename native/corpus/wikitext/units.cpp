#include "corpus/wikitext/units.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace leia::corpus::wikitext {

namespace {

using Kind = UnitKind;

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
    {"st", "st", "stone", "stone", Kind::kMass, 6.35029318, "lb,kg"},
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
    {"Pa", "Pa", "pascal", "pascals", Kind::kPressure, 1, "psi"},
    {"kPa", "kPa", "kilopascal", "kilopascals", Kind::kPressure, 1000, "psi"},
    {"MPa", "MPa", "megapascal", "megapascals", Kind::kPressure, 1000000, "psi"},
    {"bar", "bar", "bar", "bars", Kind::kPressure, 100000, "kPa"},
    {"psi", "psi", "pound per square inch", "pounds per square inch", Kind::kPressure,
     6894.757293168361, "kPa"},
    {"C,°C", "°C", "", "", Kind::kTemperature, 1, "F", 273.15},
    {"F,°F", "°F", "", "", Kind::kTemperature, 0.5555555555555556, "C", 255.3722222222222},
    {"K", "K", "", "", Kind::kTemperature, 1, "C,F"},
});

}  // namespace

const Unit* unit_of(std::string_view code) {
  static const auto known = [] {
    std::unordered_map<std::string_view, const Unit*> units;
    for (const Unit& unit : kUnits) {
      std::string_view codes = unit.codes;
      while (!codes.empty()) {
        const size_t size = std::min(codes.find(','), codes.size());
        units.emplace(codes.substr(0, size), &unit);
        codes.remove_prefix(std::min(size + 1, codes.size()));
      }
    }
    return units;
  }();
  const auto found = known.find(code);
  return found == known.end() ? nullptr : found->second;
}

}  // namespace leia::corpus::wikitext
