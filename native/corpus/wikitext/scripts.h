// Superscripts and subscripts of digits and signs, which plain text would run into what they
// follow: 10<sup>6</sup> is not 106.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leia::corpus::wikitext {

enum class Scripts : uint8_t {
  kPlain,    // like any other text: 106
  kUnicode,  // 10⁶, H₂O
  kSigns,    // 10^6, H_2O
};

// The content of a superscript or subscript as text; empty if it is anything else than digits and
// signs.
std::string script_text(std::string_view content, bool raised, Scripts scripts);
// The same, but for what is anything else, and with kPlain, the text as it is.
std::string scripted(std::string_view text, bool raised, Scripts scripts);

}  // namespace leia::corpus::wikitext
