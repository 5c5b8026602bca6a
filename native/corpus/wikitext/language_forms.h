// How a language writes numbers, dates and the names of other languages. The forms come from
// JavaScript, which has the tables of all languages (lib/corpus/wikitext/language-forms.ts).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace leia::corpus::wikitext {

struct LanguageForms {
  static constexpr size_t kMonths = 12;
  static constexpr size_t kDigits = 10;

  // Whether units and months are written out in English.
  bool english = false;
  std::string group;  // what stands between groups of digits
  std::string point = ".";
  // Digits in the last group, and in those before it; numbers of fewer than `least` have no groups.
  uint32_t last = 3;
  uint32_t others = 3;
  uint32_t least = 4;
  // A month and a year, and a day of it, for each month: `{d}` and `{y}` stand for day and year.
  std::vector<std::string> months;
  std::vector<std::string> days;
  std::vector<std::string> date_digits;  // from 0 to 9
  uint32_t years_ahead = 0;              // of those of the common era
  // What stands before a word of another language, by the code of that.
  std::unordered_map<std::string, std::string> labels;

  // Digits in groups. `decimals`: those behind the point.
  std::string number(std::string_view whole, std::string_view decimals) const;
  // A year, a month and a day; the last two may be 0, which leaves them out.
  std::string date(uint32_t year, uint32_t month, uint32_t day) const;

 private:
  std::string digits(uint32_t number) const;
};

}  // namespace leia::corpus::wikitext
