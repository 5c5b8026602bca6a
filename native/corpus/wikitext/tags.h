// Tags, behaviour switches and addresses: constructs that the reader recognises by more than one
// sign. All functions take the text up to its end, where a byte must follow that belongs to none.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "corpus/wikitext/characters.h"

namespace leia::corpus::wikitext {

// What the reader does with each HTML and extension tag that MediaWiki knows, and with a few more
// that come with pasted text and say nothing. All others are text, which the wiki shows as it is
// written, `<html>` and `<script>` too (https://www.mediawiki.org/wiki/Help:HTML_in_wikitext).
enum class TagAction : uint8_t {
  kUnwrap,   // the tag vanishes, what it encloses is ordinary wikitext
  kBlock,    // like unwrap, and text before and after stands on lines of its own
  kBreak,    // a line break inside a paragraph
  kDrop,     // dropped up to its end tag; what it encloses is not wikitext
  kFormula,  // replaced by `formula_N`
  kLiteral,  // what it encloses is text without markup
  kTable,    // dropped with all that is nested in it
};

// An opening or closing tag with its attributes; also one that is never closed by '>'.
struct Tag {
  std::string name;  // in lower case
  TagAction action;
  bool closing;
  bool closed;  // by '>'
  std::string_view attributes;
  const char* end;  // of the whole tag
};

// The tag that begins at `at`, a '<', if MediaWiki knows it; anything else in angle brackets is
// text.
std::optional<Tag> tag_at(const char* at, const char* end, const Characters& characters);

// Where the attributes that `text` begins with end: `name=value`, in their line.
const char* attributes_end(std::string_view text);

// The end of the behaviour switch that begins at `at`, `__NOTOC__` or `__目次__` in any language,
// or null. Names like `__init__` are text. `at` is a '_', or a wide one, which the Japanese may
// use.
const char* switch_end(const char* at, const char* end, const Characters& characters);

// The end of an external link's address that begins at `at`, or null; only such brackets are links.
const char* address_end(const char* at, const char* end, const Characters& characters);

}  // namespace leia::corpus::wikitext
