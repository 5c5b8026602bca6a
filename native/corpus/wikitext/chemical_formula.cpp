#include "corpus/wikitext/chemical_formula.h"

namespace leia::corpus::wikitext {

namespace {

// Whether a text is the charge of an ion: `2-`, `+`.
bool is_charge(std::string_view text) {
  text.remove_prefix(leading_digits(text).size());
  return text == "+" || text == "-" || text == "−" || text == "–";
}

// A formula of chemistry while its parts are put together.
struct Formula {
  std::string text;
  bool counted = false;  // whether digits would count what stands before them
};

void add_charge(std::string_view charge, const TemplateSurroundings& around, Formula& formula) {
  formula.text += scripted(charge, true, around.scripts);
  formula.counted = false;
}

void add_atoms(std::string_view written, const TemplateSurroundings& around, Formula& formula) {
  const std::string part = std::string(written) + '\0';  // for `decode`
  for (size_t at = 0; at < written.size();) {
    const std::string_view rest = std::string_view(part).substr(at, written.size() - at);
    const size_t close = rest.starts_with('(') ? rest.find(')') : std::string_view::npos;
    const bool closed = close != std::string_view::npos && is_charge(rest.substr(1, close - 1));
    if (!formula.text.empty() && closed) {
      add_charge(rest.substr(1, close - 1), around, formula);
      at += close + 1;
      continue;
    }
    const std::string_view count = leading_digits(rest);
    if (!count.empty()) {
      formula.text += formula.counted ? scripted(count, false, around.scripts) : std::string(count);
      at += count.size();
      formula.counted = false;
      continue;
    }
    if (at > 0 && part[at - 1] != ' ' && is_charge(rest)) {
      return add_charge(rest, around, formula);
    }
    const auto [point, size] = decode(rest.data());
    formula.counted = point == ')' || point == ']' || around.characters.has(point, kWord);
    formula.text += rest.substr(0, size);
    at += size;
  }
}

}  // namespace

std::string chemical_formula(const TemplateValues& values, const TemplateSurroundings& around) {
  Formula formula;
  for (const std::string_view part : values.listed()) {
    if (!formula.text.empty() && is_charge(part)) {
      add_charge(part, around, formula);
    } else {
      add_atoms(part, around, formula);
    }
  }
  return formula.text;
}

}  // namespace leia::corpus::wikitext
