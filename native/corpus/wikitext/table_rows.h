// Makes lines of text of a table that was read: a row becomes a line, its cells are joined by signs
// that Paragraphs turns into tabs. Pieces are changed where they stand, so links in cells stay
// links.
#pragma once

#include <cstdint>
#include <string_view>

#include "corpus/wikitext/pieces.h"

namespace leia::corpus::wikitext {

class TableRows {
 public:
  // The pieces since `start` are the table's, in MediaWiki's signs or with the marks of HTML rows
  // and cells. Rows of tables within it become text of the cell around them.
  TableRows(Pieces& pieces, uint32_t start);

  void make();

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  bool in_link(uint32_t place);
  bool is_sign(uint32_t place, std::string_view sign) const;
  void mark(uint32_t place);
  void start_line(uint32_t place);
  uint32_t inside_line(uint32_t place);
  void begin_row(uint32_t place);
  uint32_t clear_line(uint32_t place);
  void begin_cell(uint32_t place);
  void begin_content(uint32_t place);
  void end_cell(uint32_t end);
  void go_on();
  void end_attributes(uint32_t place);

  Pieces& pieces_;
  size_t next_link_ = 0;
  uint32_t depth_ = 0;        // how many tables within this one are open
  uint32_t newline_ = kNone;  // the end of the line before, if nothing came behind it
  uint32_t content_;          // where the current cell begins,
  uint32_t cell_;             // and that of a table within it
  uint32_t cleared_to_ = 0;   // attributes of a row reach so far
  bool first_ = true;         // whether the row has no cell yet
  bool caption_ = false;      // whether the row is the table's caption
  bool header_ = false;       // whether the line has cells of headers, which `!!` separates
  bool attributes_ = false;   // whether the cell may have begun with attributes
};

}  // namespace leia::corpus::wikitext
