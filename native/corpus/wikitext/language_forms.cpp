#include "corpus/wikitext/language_forms.h"

#include <algorithm>

namespace leia::corpus::wikitext {

std::string LanguageForms::number(std::string_view whole, std::string_view decimals) const {
  if (whole.starts_with('0')) {
    whole.remove_prefix(std::min(whole.find_first_not_of('0'), whole.size() - 1));
  }
  std::string text;
  size_t left = whole.size();
  if (left > last && left >= least) {
    const size_t before = left - last;  // digits in all groups but the last
    size_t size = before % others;
    if (size == 0) size = others;
    for (; left > last; size = others) {
      text += whole.substr(whole.size() - left, size);
      text += group;
      left -= size;
    }
  }
  text += whole.substr(whole.size() - left);
  if (!decimals.empty()) {
    text += point;
    text += decimals;
  }
  return text;
}

std::string LanguageForms::date(uint32_t year, uint32_t month, uint32_t day) const {
  if (month == 0) return std::to_string(year);
  std::string_view form = (day == 0 ? months : days)[month - 1];
  std::string text;
  while (true) {
    const size_t sign = form.find('{');
    text += form.substr(0, sign);
    if (sign == std::string_view::npos) return text;
    text += digits(form[sign + 1] == 'd' ? day : year + years_ahead);
    form.remove_prefix(sign + 3);
  }
}

std::string LanguageForms::digits(uint32_t number) const {
  std::string text;
  for (const char digit : std::to_string(number)) {
    text += date_digits[static_cast<size_t>(digit - '0')];
  }
  return text;
}

}  // namespace leia::corpus::wikitext
