// Units of measure that templates convert, and what they are called.
#pragma once

#include <cstdint>
#include <string_view>

namespace leia::corpus::wikitext {

enum class UnitKind : uint8_t {
  kLength,
  kArea,
  kMass,
  kVolume,
  kSpeed,
  kPower,
  kPressure,
  kTemperature
};

// A unit of measure.
struct Unit {
  std::string_view codes;  // with commas
  std::string_view symbol;
  // In English and British spelling; where there are none, the symbol stands.
  std::string_view one;
  std::string_view many;
  UnitKind kind;
  double scale;              // how many base units one is
  std::string_view targets;  // the units it is converted to unless others are named
  double zero = 0;           // temperatures: what 0 is in the base unit
};

// The unit with this code; nothing if it is not known.
const Unit* unit_of(std::string_view code);

}  // namespace leia::corpus::wikitext
