#include "corpus/wikitext/scripts.h"

#include <algorithm>
#include <array>

namespace leia::corpus::wikitext {

namespace {

struct Script {
  std::string_view sign;
  std::string_view raised;
  std::string_view lowered;
};

// Minus and hyphen have one form (https://www.unicode.org/charts/PDF/U2070.pdf).
constexpr std::array<Script, 17> kScripts = {{
    {"0", "⁰", "₀"},
    {"1", "¹", "₁"},
    {"2", "²", "₂"},
    {"3", "³", "₃"},
    {"4", "⁴", "₄"},
    {"5", "⁵", "₅"},
    {"6", "⁶", "₆"},
    {"7", "⁷", "₇"},
    {"8", "⁸", "₈"},
    {"9", "⁹", "₉"},
    {"+", "⁺", "₊"},
    {"-", "⁻", "₋"},
    {"=", "⁼", "₌"},
    {"−", "⁻", "₋"},
    {"–", "⁻", "₋"},
    {"(", "⁽", "₍"},
    {")", "⁾", "₎"},
}};

}  // namespace

std::string script_text(std::string_view content, bool raised, Scripts scripts) {
  std::string text;
  std::string plain;
  bool number = false;
  while (!content.empty()) {
    const auto* found = std::find_if(kScripts.begin(), kScripts.end(), [&](const Script& script) {
      return content.starts_with(script.sign);
    });
    if (found == kScripts.end()) return {};
    text += raised ? found->raised : found->lowered;
    plain += found->sign;
    number |= found->sign.front() >= '0' && found->sign.front() <= '9';
    content.remove_prefix(found->sign.size());
  }
  // Signs alone are charges of ions, Na<sup>+</sup>; brackets alone mean something else.
  if (!number && plain.find_first_of("()=") != std::string::npos) return {};
  if (scripts == Scripts::kUnicode) return text;
  return plain.empty() ? plain : (raised ? '^' : '_') + plain;
}

std::string scripted(std::string_view text, bool raised, Scripts scripts) {
  if (scripts == Scripts::kPlain) return std::string(text);
  std::string result = script_text(text, raised, scripts);
  return result.empty() ? std::string(text) : result;
}

}  // namespace leia::corpus::wikitext
