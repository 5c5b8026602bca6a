// Turns text with line structure into paragraphs, one a line. Headings lose their signs and get a
// full stop, list items lose their marks, and lines without words (rules, rests of tables) are
// dropped. Links move along with their text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "corpus/wikitext/characters.h"
#include "corpus/wikitext/hollows.h"
#include "corpus/wikitext/pieces.h"
#include "corpus/wikitext/reader.h"

namespace leia::corpus::wikitext {

// `*`, `#` and `;` lines: text of their own, or left out as WikiExtractor does.
enum class Lists : bool { kDrop, kKeep };

// A link in the text of an article, in bytes.
struct TextLink {
  size_t start;
  size_t end;
  Name target;
  Name english;
};

class Paragraphs {
 public:
  // `brackets`: see Hollows.
  // `mark_headings`: a heading is `## Title`, also without text under it.
  Paragraphs(const Characters& characters, std::span<const uint32_t> brackets, Lists lists,
             bool mark_headings);

  // Makes paragraphs of a passage and its pieces.
  void make(const Passage& passage, const Pieces& pieces);

  std::string_view text() const { return {text_.data(), length_}; }
  // In order, without overlaps, not empty, without blanks at their ends.
  const std::vector<TextLink>& links() const { return links_; }

 private:
  // A heading that no text has followed yet, and what there was before it.
  struct Heading {
    size_t level;
    size_t length;
    size_t links;
  };
  struct Span {
    size_t start;
    size_t end;
  };

  void add_pieces(const Passage& passage, uint32_t from, uint32_t to);
  uint32_t pass_captions(uint32_t place);
  void write_captions();
  uint32_t pass_links(uint32_t place);
  void cut_link(const Link& link);
  void add(std::string_view piece);
  void add_lines(std::string_view piece);
  void end_line();
  void close_hollows();
  void line(Span line);
  size_t heading_level(Span line) const;
  Span broken_heading(Span line) const;
  void heading(size_t level, Span title);
  void mark_heading(size_t level, size_t start, size_t links);
  void drop_headings(size_t level);
  void paragraph(Span line);
  bool is_of_table(Span line) const;
  bool is_row(std::string_view line) const;
  size_t text_start(Span line) const;
  size_t text_end(Span line) const;
  bool has_link(Span part) const;
  void row(Span line);
  void write(Span part);
  void move(Span part, bool odd);
  void shift(Span part);
  void join_blanks(Span part);

  size_t next_start() const { return length_ == 0 ? 0 : length_ + 1; }
  Span trim(Span part) const;
  size_t row_end(size_t at, size_t end) const;
  std::string_view view(Span part) const {
    return {text_.data() + part.start, part.end - part.start};
  }
  bool has_word(Span part) const { return characters_.contains(view(part), kWord); }

  const Characters& characters_;
  const Lists lists_;
  const bool mark_headings_;
  Hollows hollows_;
  const Pieces* pieces_ = nullptr;
  // The finished lines; behind them the one being read, which then moves to its place.
  std::vector<char> text_;
  size_t length_ = 0;  // of the finished lines; `links_` has their links
  std::vector<TextLink> links_;
  std::vector<Heading> headings_;

  // The line being read.
  Span line_ = {};
  std::vector<TextLink> line_links_;
  std::vector<size_t> holes_;
  std::vector<size_t*> places_;  // where its links begin and end
  // Where it begins in the passage, and where the table and the template begin that never end.
  size_t line_offset_ = 0;
  size_t table_offset_ = 0;
  size_t template_offset_ = 0;
  bool in_table_ = false;
  bool in_template_ = false;
  // Whether it begins with text that is no markup, whatever its signs; whether it follows a row of
  // a table.
  bool literal_ = false;
  bool after_row_ = false;
  bool row_ = false;  // whether it is a row of a table that is kept

  // Captions of images in this line, which stand behind it: their pieces.
  struct Caption {
    uint32_t from;
    uint32_t to;
  };
  std::vector<Caption> captions_;

  size_t next_link_ = 0;
  // Whether a link is open, or was cut at the end of its line; and where the open one begins.
  enum class Open : uint8_t { kNone, kOpen, kCut } open_ = Open::kNone;
  size_t link_start_ = 0;
};

}  // namespace leia::corpus::wikitext
