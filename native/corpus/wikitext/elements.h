// Elements whose content is not wikitext (`<ref>`, `<math>`, `<nowiki>` …): where each ends and
// what text it leaves. End tags are searched once: after the last one of a name, no further search
// is made.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "corpus/wikitext/characters.h"
#include "corpus/wikitext/entities.h"
#include "corpus/wikitext/tags.h"

namespace leia::corpus::wikitext {

class Elements {
 public:
  // `formulas`: whether they are kept, as LaTeX.
  Elements(const Characters& characters, Decoding decoding, bool formulas)
      : characters_(characters), decoding_(decoding), keep_formulas_(formulas) {}

  // Begins a page.
  void begin();
  // The element of a start tag: what follows its end tag, or null if it has none, and its text,
  // which is valid until the next is read.
  struct Element {
    const char* end;
    std::string_view text;
  };
  Element read(const Tag& tag, const char* end);

 private:
  std::string_view text_of(std::string_view content, const Tag& tag);

  const Characters& characters_;
  const Decoding decoding_;
  const bool keep_formulas_;
  std::unordered_map<std::string, size_t> formulas_;  // their numbers by their content
  size_t formula_count_ = 0;
  std::unordered_set<std::string> endless_;  // names whose last end tag has been passed
  std::string text_;
};

}  // namespace leia::corpus::wikitext
