// Reads wikitext in one pass, left to right, into text and link ranges. Pieces of text go to a
// list. A template, table or link that opens puts a frame on a stack, which remembers how long the
// list was. Its end cuts the list back (template, table, image) or makes a link of the pieces
// since. A construct that is never closed leaves its content as text. Nothing is read twice, so
// hostile pages with megabytes of braces or a hundred thousand links take linear time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/wikitext/characters.h"
#include "corpus/wikitext/elements.h"
#include "corpus/wikitext/entities.h"
#include "corpus/wikitext/frames.h"
#include "corpus/wikitext/markup_map.h"
#include "corpus/wikitext/pieces.h"
#include "corpus/wikitext/scripts.h"
#include "corpus/wikitext/targets.h"
#include "corpus/wikitext/templates.h"

namespace leia::corpus::wikitext {

// The end of a row of one sign that begins at `at`; the text is followed by another.
inline const char* end_of_row(const char* at) {
  const char* end = at + 1;
  while (*end == *at) ++end;
  return end;
}

// Text without inline markup, but still with its line structure: headings, list marks, rests of
// tables. The text is in the reader's pieces.
struct Passage {
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

  // From this piece on a table was opened and never closed: its row lines are no text.
  uint32_t open_table = kNone;
  // The same of a template.
  uint32_t open_template = kNone;
  // How many templates, tables and links were open at the end of the page.
  size_t unclosed = 0;
  // Loop turns taken, for tests of linear time.
  size_t steps = 0;
};

// What is kept besides running text.
struct Kept {
  bool headings = false;  // told from other lines, and also where no text stands under them
  bool captions = false;  // of images
  bool tables = false;
  bool formulas = false;
};

class Reader {
 public:
  // Without any `templates` all are dropped without a trace. `thumbnails`: see OpenFrames; none if
  // no captions are kept.
  Reader(const Characters& characters, LinkTargets& targets, Templates& templates,
         Decoding decoding, Scripts scripts, Kept kept, std::vector<std::string> thumbnails);
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Reads UTF-8 of less than 256 MiB. Never fails: any text is wikitext.
  Passage read(std::string_view wikitext);
  const Pieces& pieces() const { return pieces_; }

 private:
  const char* next_markup() const;
  void plain(const char* end);
  void literal();
  void special();
  void entity();
  void behaviour_switch();

  void newline();
  bool target_goes_on(const char* line) const;
  void line_break();
  void apostrophes();
  Before before(const char* at, bool after_apostrophe) const;

  void open_braces();
  void open_table(const char* attributes);
  void close_braces();
  void name_template(Frame& frame);
  bool show_template(Frame& frame);
  bool show_braces(const Frame& frame);
  void hole();
  void part_clauses();
  bool ends_variant(const char* end) const;
  void pipe();
  void begin_image(Frame& frame);
  void image_pipe(OpenLink& image);
  void end_image(Frame& frame);
  void begin_table(FrameKind kind);
  bool end_table();
  void close_table();

  void open_bracket();
  void close_bracket();
  void end_target(Frame& frame);
  void close_link();
  void target_as_label(const Frame& frame);

  void open_variant_or_literal();
  using ReadSign = bool (*)(Frame&, const char*, Pieces&, const Characters&);
  void variant_sign(ReadSign read_sign);

  void angle();
  void block_tag();
  void html_table(bool closing);
  bool html_cell(const Tag& tag);
  void element(const Tag& tag);
  void script(const Tag& tag);
  Passage finish();

  // Whether this byte stands `distance` bytes behind the current place. The source is padded, so
  // this may look beyond its end.
  bool is(char byte, size_t distance) const { return at_[distance] == byte; }
  const char* find(std::string_view sign, const char* from) const;

  const Characters& characters_;
  LinkTargets& targets_;
  Templates& templates_;
  const Decoding decoding_;
  const Scripts scripts_;
  const Kept kept_;
  Pieces pieces_;
  MarkupMap markup_;
  OpenFrames open_;
  std::vector<Templates::Place> arguments_;  // of all open templates of the table
  Elements elements_;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  // The next end of a variant: null before a search, `end_` if there is none.
  const char* next_variant_end_ = nullptr;
  // Whether this line has only blanks and indentation so far.
  bool line_start_ = true;
  bool heading_ = false;
  size_t steps_ = 0;
  size_t target_bytes_ = 0;  // read as targets of links
};

}  // namespace leia::corpus::wikitext
