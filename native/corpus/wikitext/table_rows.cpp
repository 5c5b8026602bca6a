#include "corpus/wikitext/table_rows.h"

#include <algorithm>

namespace leia::corpus::wikitext {

namespace {

constexpr std::string_view kBlanks = " \t";

}  // namespace

TableRows::TableRows(Pieces& pieces, uint32_t start)
    : pieces_(pieces), content_(start), cell_(start) {
  const auto& links = pieces.links();
  next_link_ = links.size() - pieces.links_since(start);
}

void TableRows::make() {
  const uint32_t end = pieces_.length();
  bool line_start = false;
  for (uint32_t place = content_; place < end; ++place) {
    if (place < cleared_to_) {
      pieces_.clear(place);
    } else if (pieces_.is_line_break(place) && !pieces_.at(place).empty()) {
      if (newline_ != kNone) pieces_.clear(newline_);
      newline_ = place;
      line_start = true;
    } else if (pieces_.at(place).empty()) {
      mark(place);
    } else if (line_start) {
      // Blanks before the signs of a table say nothing.
      if (pieces_.at(place).find_first_not_of(kBlanks) == std::string_view::npos) continue;
      line_start = false;
      start_line(place);
    } else {
      place = inside_line(place);
    }
  }
  end_cell(end);
  if (newline_ != kNone) pieces_.clear(newline_);
}

// Whether a piece is part of a link; asked in order.
bool TableRows::in_link(uint32_t place) {
  const auto& links = pieces_.links();
  while (next_link_ < links.size() && links[next_link_].end <= place) ++next_link_;
  return next_link_ < links.size() && links[next_link_].start <= place;
}

// Whether a piece is this sign of the source.
bool TableRows::is_sign(uint32_t place, std::string_view sign) const {
  return place < pieces_.length() && !pieces_.is_foreign(place) && pieces_.at(place) == sign;
}

void TableRows::mark(uint32_t place) {
  if (pieces_.is_mark(place, Mark::kTable)) {
    ++depth_;
    go_on();
  } else if (pieces_.is_mark(place, Mark::kTableEnd)) {
    depth_ -= depth_ > 0;
    go_on();
    attributes_ = false;
  } else if (pieces_.is_mark(place, Mark::kCell)) {
    begin_cell(place);
    attributes_ = false;
  } else if (pieces_.is_mark(place, Mark::kRow) && newline_ != kNone) {
    begin_row(place);
  }
}

void TableRows::start_line(uint32_t place) {
  header_ = is_sign(place, "!");
  if (in_link(place) || (!header_ && !is_sign(place, "|"))) return go_on();
  const bool more = place + 1 < pieces_.length() && !pieces_.is_foreign(place + 1);
  const std::string_view next = more ? pieces_.at(place + 1) : std::string_view();
  if (!header_ && next.starts_with('-')) {
    begin_row(place);
    cleared_to_ = clear_line(place + 1);
  } else if (!header_ && next.starts_with('+')) {
    begin_row(place);
    pieces_.trim(place + 1, 1, 0);
    begin_content(place + 1);
    caption_ = depth_ == 0;
  } else {
    if (caption_) begin_row(place);
    begin_cell(place);
  }
}

// A piece inside a line; returns the last of the pieces that belong to its sign.
uint32_t TableRows::inside_line(uint32_t place) {
  const bool bar = is_sign(place, "|");
  if (!bar && !(header_ && is_sign(place, "!"))) return place;
  if (in_link(place)) return place;
  if (is_sign(place + 1, bar ? "|" : "!")) {
    pieces_.clear(place);
    begin_cell(place + 1);
    return place + 1;
  }
  if (bar && attributes_) end_attributes(place);
  return place;
}

// Begins a row at a mark, or at a sign that becomes one. In a table within a cell it is a blank.
void TableRows::begin_row(uint32_t place) {
  if (depth_ > 0) {
    go_on();
    pieces_.clear(place);
    return;
  }
  end_cell(newline_ == kNone ? place : newline_);
  newline_ = kNone;  // it stays the end of a line
  pieces_.set_mark(place, Mark::kRow);
  first_ = true;
  caption_ = false;
  attributes_ = false;
  content_ = place + 1;
}

// Where the line ends.
uint32_t TableRows::clear_line(uint32_t place) {
  while (place < pieces_.length() && !pieces_.is_line_break(place)) ++place;
  return place;
}

// Begins a cell at a sign, which becomes what separates it from the one before.
void TableRows::begin_cell(uint32_t place) {
  end_cell(newline_ == kNone ? place : newline_);
  if (newline_ != kNone) pieces_.clear(newline_);
  newline_ = kNone;
  if (depth_ > 0) {
    pieces_.set_blank(place);
  } else if (first_) {
    if (!pieces_.is_mark(place, Mark::kRow)) pieces_.set_mark(place, Mark::kNothing);
  } else {
    pieces_.set_cell_end(place);
  }
  begin_content(place + 1);
}

void TableRows::begin_content(uint32_t place) {
  cell_ = place;
  attributes_ = true;
  if (depth_ > 0) return;
  content_ = place;
  first_ = false;
}

// Drops the blanks at the ends of the current cell.
void TableRows::end_cell(uint32_t end) {
  if (depth_ > 0) return;
  const auto blanks = [this](uint32_t place) {
    return pieces_.at(place).find_first_not_of(kBlanks) == std::string_view::npos;
  };
  uint32_t first = content_;
  while (first < end && blanks(first)) pieces_.clear(first++);
  if (first >= end) return;
  uint32_t last = end - 1;
  while (last > first && blanks(last)) pieces_.clear(last--);
  pieces_.trim(first, static_cast<uint32_t>(pieces_.at(first).find_first_not_of(kBlanks)), 0);
  const std::string_view text = pieces_.at(last);
  pieces_.trim(last, 0, static_cast<uint32_t>(text.size() - text.find_last_not_of(kBlanks) - 1));
}

// A further line of a cell goes on behind a blank.
void TableRows::go_on() {
  if (newline_ != kNone) pieces_.set_blank(newline_);
  newline_ = kNone;
}

// What stands before the first '|' of a cell are its attributes, unless there is a link in it.
void TableRows::end_attributes(uint32_t place) {
  attributes_ = false;
  const auto& links = pieces_.links();
  const size_t before =
      next_link_ < links.size() && links[next_link_].start < place ? next_link_ + 1 : next_link_;
  if (before > 0 && links[before - 1].start >= cell_) return;
  for (uint32_t each = cell_; each <= place; ++each) pieces_.clear(each);
  cell_ = place + 1;
}

}  // namespace leia::corpus::wikitext
