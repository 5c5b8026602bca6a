// Language variants, `-{zh-hans:计算机; zh-hant:電腦}-`, of which a reader sees one. The text keeps
// the first. A rule for the page's converter shows nothing
// (https://www.mediawiki.org/wiki/Writing_systems/Syntax).
#pragma once

#include "corpus/wikitext/characters.h"
#include "corpus/wikitext/frames.h"
#include "corpus/wikitext/pieces.h"

namespace leia::corpus::wikitext {

// Opens one whose content begins at `source`.
void open_variant(const char* source, OpenFrames& open, Pieces& pieces);

// Each function tells whether a sign at `at` is a separator; otherwise it is text.
// '|': whether it ends flags, `-{flags|…}-`. T, D, H and '-' show nothing.
bool read_flags(Frame& frame, const char* at, Pieces& pieces, const Characters& characters);
// ':': whether it ends the code of an alternative.
bool read_code(Frame& frame, const char* at, Pieces& pieces, const Characters& characters);
// ';': whether it ends an alternative; if no code stands before it, it is text.
bool end_option(Frame& frame, const char* at, Pieces& pieces, const Characters& characters);

void close_variant(const Frame& frame, Pieces& pieces);

}  // namespace leia::corpus::wikitext
