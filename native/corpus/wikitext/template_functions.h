// Templates whose text is made of the values of their arguments: numbers, dates, formulas of
// chemistry, sounds. The table of templates names them with an '@'.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/wikitext/characters.h"
#include "corpus/wikitext/language_forms.h"
#include "corpus/wikitext/scripts.h"

namespace leia::corpus::wikitext {

// The arguments of a template; those without a name are numbered from 1. Of two with one name the
// last counts, and empty ones count as missing.
class TemplateValues {
 public:
  struct Value {
    std::string_view name;
    std::string_view text;
  };

  explicit TemplateValues(std::span<const Value> values) : values_(values) {}

  // An empty string if it is missing.
  std::string_view operator[](std::string_view name) const;
  std::string_view operator[](uint32_t number) const;
  bool has(std::string_view name) const { return !(*this)[name].empty(); }
  // Those with the numbers 1, 2 and so on, up to the first that is missing. Finding each by its
  // number would take time that grows with the square of how many there are.
  std::vector<std::string_view> listed() const;

 private:
  std::span<const Value> values_;
};

// What the text depends on besides.
struct TemplateSurroundings {
  const Characters& characters;
  const LanguageForms& language;
  Scripts scripts;
};

// Empty if the arguments are not what the template wants.
using TemplateFunction = std::string (*)(const TemplateValues& values,
                                         const TemplateSurroundings& surroundings);

// The function of this name, without the '@'. Throws if there is none.
TemplateFunction template_function(std::string_view name);

// What functions of templates read of numbers.

// The digits at its start.
std::string_view leading_digits(std::string_view text);
// A decimal number: `-1234.5`.
struct DecimalText {
  std::string_view sign;      // one of + - −, or nothing
  std::string_view whole;     // digits
  std::string_view decimals;  // digits, or nothing
};
// False if it is none.
bool read_decimal(std::string_view text, DecimalText& number);
// A whole number of at most nine digits. False if it is none.
bool read_whole(std::string_view text, int32_t& number);

}  // namespace leia::corpus::wikitext
