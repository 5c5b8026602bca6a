#include "corpus/wikitext/paragraphs.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <tuple>
#include <utility>

namespace leia::corpus::wikitext {

namespace {

// Room behind the text: characters are looked at whole, and stretches are copied whole.
constexpr size_t kPadding = Pieces::kPadding;
// Memory beyond this, which a longer text needed, is given back.
constexpr size_t kMostKept = size_t{4} << 20;
constexpr size_t kMostSigns = 6;  // of a heading
constexpr size_t kRule = 4;       // dashes
// How far from its end a line is searched for the signs of a heading, in UTF-16 units.
constexpr size_t kTailUnits = 20;
constexpr std::u32string_view kSentenceEnds =
    U".!?\u2026:;\u3002\uff0e\uff01\uff1f\uff1a\uff1b\u061f\u06d4\u0964\u0965\u1362\u0589";

// The end of a table, which text may follow.
constexpr std::string_view kTableEnd = "|}";

// Signs that, like blanks, are no word at a line's start.
constexpr std::u32string_view kLineMarks = U"*#:;,\u3001\u060c\uff0c";

bool ends_sentence(uint32_t point) {
  return kSentenceEnds.find(static_cast<char32_t>(point)) != std::u32string_view::npos;
}

// Bytes that are looked at and moved together.
constexpr size_t kStretch = 32;
static_assert(kPadding >= kStretch);

// Whether there are tabs, or blanks or controls in a row.
bool is_odd(std::string_view text) {
  const auto low = [](char byte) { return static_cast<uint8_t>(byte) <= ' '; };
  // Without branches: blanks between words would be mispredicted.
  uint8_t odd = 0;  // a byte, so that the compiler looks at many together
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    const bool here = (text[i] == '\t') | (low(text[i]) & low(text[i + 1]));
    odd = static_cast<uint8_t>(odd | here);
  }
  return odd != 0 || text.ends_with('\t');
}

}  // namespace

Paragraphs::Paragraphs(const Characters& characters, std::span<const uint32_t> brackets,
                       Lists lists, bool mark_headings)
    : characters_(characters),
      lists_(lists),
      mark_headings_(mark_headings),
      hollows_(characters, brackets) {}

void Paragraphs::make(const Passage& passage, const Pieces& pieces) {
  pieces_ = &pieces;
  // A line takes no more room than its pieces, the line break that ends it included; captions come
  // without line breaks.
  const size_t room = pieces.text_size() + 2 * pieces.captions() + kPadding;
  if (text_.size() > kMostKept) text_ = {};
  if (text_.size() < room) text_.resize(room);
  length_ = 0;
  links_.clear();
  headings_.clear();
  line_ = {};
  line_links_.clear();
  holes_.clear();
  line_offset_ = 0;
  table_offset_ = std::numeric_limits<size_t>::max();
  template_offset_ = table_offset_;
  literal_ = false;
  after_row_ = false;
  row_ = false;
  captions_.clear();
  next_link_ = 0;
  open_ = Open::kNone;
  add_pieces(passage, 0, pieces.length());
  end_line();
  drop_headings(0);
}

void Paragraphs::add_pieces(const Passage& passage, uint32_t from, uint32_t to) {
  const Pieces& pieces = *pieces_;
  uint32_t link_place = pass_links(from);
  for (uint32_t place = from; place < to; ++place) {
    if (place >= link_place) link_place = pass_links(place);
    if (place == passage.open_table) table_offset_ = line_offset_ + line_.end - line_.start;
    if (place == passage.open_template) template_offset_ = line_offset_ + line_.end - line_.start;
    const std::string_view piece = pieces.at(place);
    if (piece.empty()) {
      if (pieces.is_mark(place, Mark::kHole)) holes_.push_back(line_.end);
      if (pieces.is_mark(place, Mark::kRow)) row_ = true;
      if (pieces.is_mark(place, Mark::kCaption)) {
        place = pass_captions(place);
        link_place = 0;
      }
      continue;
    }
    if (line_.end == line_.start) literal_ = pieces.is_foreign(place);
    if (pieces.is_line_break(place)) {
      end_line();
    } else if (pieces.is_foreign(place)) {
      add_lines(piece);
    } else {
      add(pieces.is_cell_end(place) && !row_ ? pieces.blank() : piece);
    }
  }
  pass_links(to);
}

// Leaves a caption that begins here for the end of the line. Returns its last piece.
uint32_t Paragraphs::pass_captions(uint32_t place) {
  uint32_t end = place + 1;
  const auto ends = [this](uint32_t at) {
    return pieces_->is_mark(at, Mark::kCaption) || pieces_->is_mark(at, Mark::kCaptionEnd);
  };
  while (end < pieces_->length() && !ends(end)) ++end;
  if (end == pieces_->length() || pieces_->is_mark(end, Mark::kCaption)) return place;
  captions_.push_back({place + 1, end});
  // Links in it are passed later; one around it goes on.
  const std::vector<Link>& links = pieces_->links();
  while (next_link_ < links.size() && links[next_link_].end <= end) {
    if (links[next_link_].start <= place) break;
    ++next_link_;
  }
  return end;
}

// Writes the captions of the line that has ended, as lines of their own.
void Paragraphs::write_captions() {
  const std::vector<Caption> captions = std::exchange(captions_, {});
  const std::vector<Link>& links = pieces_->links();
  const auto saved = std::tuple(next_link_, open_, link_start_);
  for (const auto& [from, to] : captions) {
    const auto first = std::ranges::lower_bound(links, from, {}, &Link::start);
    next_link_ = static_cast<size_t>(first - links.begin());
    open_ = Open::kNone;
    add_pieces({}, from, to);
    end_line();
  }
  std::tie(next_link_, open_, link_start_) = saved;
}

// Begins and ends links at this place. Returns the next place where a link begins or ends.
uint32_t Paragraphs::pass_links(uint32_t place) {
  const std::vector<Link>& links = pieces_->links();
  for (; next_link_ < links.size(); ++next_link_) {
    const Link& link = links[next_link_];
    if (link.start > place) return link.start;
    if (open_ == Open::kNone) {
      open_ = Open::kOpen;
      link_start_ = line_.end;
    }
    if (link.end > place) return link.end;
    cut_link(link);
    open_ = Open::kNone;
  }
  return std::numeric_limits<uint32_t>::max();
}

// Ends the open link here, if there is anything in it.
void Paragraphs::cut_link(const Link& link) {
  if (open_ != Open::kOpen || link_start_ == line_.end) return;
  line_links_.push_back({link_start_, line_.end, link.target, link.english});
  open_ = Open::kCut;
}

// Continues the line. Pieces are short: whole stretches of a fixed size are copied faster.
void Paragraphs::add(std::string_view piece) {
  char* to = text_.data() + line_.end;
  for (size_t at = 0; at < piece.size(); at += kStretch) {
    std::memcpy(to + at, piece.data() + at, kStretch);
  }
  line_.end += piece.size();
}

// The same with text that may have line breaks.
void Paragraphs::add_lines(std::string_view piece) {
  while (true) {
    const size_t end = piece.find('\n');
    add(piece.substr(0, end));
    if (end == std::string_view::npos) return;
    end_line();
    piece.remove_prefix(end + 1);
  }
}

void Paragraphs::end_line() {
  // A link that crosses lines is cut at the end of the first.
  if (open_ == Open::kOpen) cut_link(pieces_->links()[next_link_]);
  in_table_ = line_offset_ >= table_offset_;
  in_template_ = line_offset_ >= template_offset_;
  line_offset_ += line_.end - line_.start + 1;
  if (!holes_.empty()) close_hollows();
  if (row_) {
    row(line_);
  } else if (line_.end > line_.start) {
    line(line_);
  } else {
    after_row_ = false;
  }
  row_ = false;
  line_ = {next_start(), next_start()};
  line_links_.clear();
  if (!captions_.empty()) write_captions();
  if (open_ == Open::kOpen) link_start_ = line_.end;
}

void Paragraphs::close_hollows() {
  places_.clear();
  for (TextLink& link : line_links_) {
    places_.push_back(&link.start);
    places_.push_back(&link.end);
  }
  text_[line_.end] = ' ';
  line_.end = hollows_.close(text_.data(), line_.start, line_.end, holes_, places_);
  holes_.clear();
}

void Paragraphs::line(Span line) {
  if (text_[line.start] != '=' || literal_) return paragraph(line);
  const size_t level = heading_level(line);
  if (level > 0) return heading(level, {line.start + level, trim(line).end - level});
  const Span title = broken_heading(line);
  if (title.start > line.start) {
    const size_t signs = title.start - line.start;
    heading(signs, title);
    return paragraph({title.end + signs, line.end});
  }
  paragraph(line);
}

// The level of a line that begins with `=`, or 0 if it is no heading, `== Title ==`.
size_t Paragraphs::heading_level(Span line) const {
  const size_t end = trim(line).end;
  const size_t opening = std::min(row_end(line.start, end) - line.start, kMostSigns);
  size_t level = 0;
  while (level < opening && text_[end - 1 - level] == '=') ++level;
  return end - line.start > 2 * level ? level : 0;
}

// The title of `== Title == text`, which is a heading to readers of the source, though not to the
// wiki. If there is no title, it begins where the line does.
Paragraphs::Span Paragraphs::broken_heading(Span line) const {
  const Span none = {line.start, line.start};
  const size_t start = row_end(line.start, line.end);
  const size_t signs = start - line.start;
  if (signs < 2 || signs > kMostSigns) return none;
  const size_t size = view({start, line.end}).find('=');
  if (size == std::string_view::npos || size == 0) return none;
  const size_t end = start + size;
  return row_end(end, line.end) - end == signs ? Span{start, end} : none;
}

void Paragraphs::heading(size_t level, Span title) {
  // A heading replaces those before it that had no text, unless it is below them.
  if (!mark_headings_) drop_headings(level);
  if (!has_word(title)) return;
  const size_t links = links_.size();
  if (!mark_headings_) headings_.push_back({level, length_, links});
  const size_t start = next_start();
  write(title);
  if (mark_headings_) return mark_heading(level, start, links);
  const char* end = text_.data() + length_;
  if (!ends_sentence(decode_before(text_.data(), end).point)) text_[length_++] = '.';
}

// Puts `## ` before the title that was written from `start` on. The signs around it made room.
void Paragraphs::mark_heading(size_t level, size_t start, size_t links) {
  char* title = text_.data() + start;
  const size_t size = level + 1;
  std::memmove(title + size, title, length_ - start);
  std::memset(title, '#', level);
  title[level] = ' ';
  length_ += size;
  for (; links < links_.size(); ++links) {
    links_[links].start += size;
    links_[links].end += size;
  }
}

// Removes the headings without text from this level on.
void Paragraphs::drop_headings(size_t level) {
  while (!headings_.empty() && headings_.back().level >= level) {
    length_ = headings_.back().length;
    links_.resize(headings_.back().links);
    headings_.pop_back();
  }
}

void Paragraphs::paragraph(Span line) {
  after_row_ = !literal_ && is_of_table(line);
  if (after_row_) return;
  const char first = line.start < line.end && !literal_ ? text_[line.start] : ' ';
  const bool listed = first == '*' || first == '#' || first == ';';
  if (listed && lists_ == Lists::kDrop) return;
  const size_t start = text_start(line);
  const Span part = {start, text_end({start, line.end})};
  if (!has_word(part) && !has_link(part)) return;
  headings_.clear();
  write(part);
}

// Whether a line is the rest of a table, or of the list of a template's arguments.
bool Paragraphs::is_of_table(Span line) const {
  const std::string_view rest = view(trim(line));
  if (rest.starts_with('!')) return in_table_;
  if (rest.starts_with("{|")) return true;
  if (!rest.starts_with('|')) return false;
  if (rest.starts_with(kTableEnd)) return rest == kTableEnd;
  // Tables may begin in a template, so that their first line is not seen.
  return in_table_ || in_template_ || after_row_ || is_row(rest);
}

// Whether a line that begins with a '|' is part of a table, whatever stands before.
bool Paragraphs::is_row(std::string_view line) const {
  if (line.find("||", 2) != std::string_view::npos || line.starts_with("|+")) return true;
  if (!line.starts_with("|-")) return false;
  // Attributes follow, or nothing.
  const size_t sign = line.find('=');
  const bool attributes = sign != std::string_view::npos && is_ascii_letter(line[sign - 1]);
  return attributes || !characters_.contains(line, kWord);
}

// Indentation, list marks, and the dashes of a rule before text are not words.
size_t Paragraphs::text_start(Span line) const {
  if (literal_) return line.start;
  const auto skip = [this, end = line.end](size_t at, std::u32string_view signs) {
    const char* text = text_.data();
    return static_cast<size_t>(characters_.skip(text + at, text + end, kBlank, signs) - text);
  };
  size_t at = skip(line.start, kLineMarks);
  if (view({at, line.end}).starts_with(kTableEnd)) at += kTableEnd.size();
  if (at < line.end && (text_[at] == '=' || text_[at] == '-')) {
    const size_t after = row_end(at, line.end);
    if (after - at >= (text_[at] == '-' ? kRule : 2)) at = after;
  }
  return skip(at, {});
}

// Nor are the signs of a heading that is broken over lines.
size_t Paragraphs::text_end(Span line) const {
  if (literal_) return line.end;
  const char* begin = text_.data() + line.start;
  const char* at = text_.data() + line.end;
  size_t units = 0;
  while (at > begin && units < kTailUnits) {
    const Character character = decode_before(begin, at);
    if (!characters_.has(character.point, kBlank)) break;
    at -= character.size;
    ++units;
  }
  size_t signs = 0;
  while (at > begin && units < kTailUnits && at[-1] == '=') {
    --at;
    ++units;
    ++signs;
  }
  return signs >= 2 ? static_cast<size_t>(at - text_.data()) : line.end;
}

// A row of a table: cells with tabs between them, unless there is nothing in them.
void Paragraphs::row(Span line) {
  after_row_ = false;
  if (!has_word(line)) return;
  headings_.clear();
  const size_t start = next_start();
  write(line);
  const auto end = text_.begin() + static_cast<ptrdiff_t>(length_);
  std::replace(text_.begin() + static_cast<ptrdiff_t>(start), end, '\x1f', '\t');
}

bool Paragraphs::has_link(Span part) const {
  return std::any_of(line_links_.begin(), line_links_.end(), [&](const TextLink& link) {
    return std::min(link.end, part.end) > std::max(link.start, part.start);
  });
}

// Moves a part of the line to its place. Blanks at its ends are dropped, a row of blanks becomes
// one, and links leave out the blanks at their ends.
void Paragraphs::write(Span part) {
  part = trim(part);
  length_ = next_start();
  if (length_ > 0) text_[length_ - 1] = '\n';
  const bool odd = is_odd(view(part));
  size_t from = part.start;
  for (const TextLink& link : line_links_) {
    const Span inside = {std::max(link.start, part.start), std::min(link.end, part.end)};
    if (inside.start >= inside.end) continue;
    const Span label = trim(inside);
    if (label.start >= label.end) continue;
    move({from, label.start}, odd);
    const size_t place = length_;
    move(label, odd);
    links_.push_back({place, length_, link.target, link.english});
    from = label.end;
  }
  move({from, part.end}, odd);
}

// Moves a part of a line that has begun already; `odd` means that it may have tabs or blanks in a
// row.
void Paragraphs::move(Span part, bool odd) {
  if (!odd) return shift(part);
  // Most stretches have none even so.
  for (size_t at = part.start; at < part.end; at += kStretch) {
    const Span stretch = {at, std::min(at + kStretch, part.end)};
    const bool joins = text_[at] == ' ' && length_ > 0 && text_[length_ - 1] == ' ';
    if (joins || is_odd(view(stretch))) {
      join_blanks(stretch);
    } else {
      shift(stretch);
    }
  }
}

void Paragraphs::shift(Span part) {
  const size_t size = part.end - part.start;
  char* text = text_.data();
  if (length_ < part.start) std::memmove(text + length_, text + part.start, size);
  length_ += size;
}

void Paragraphs::join_blanks(Span part) {
  char* text = text_.data();
  bool after_blank = length_ > 0 && text[length_ - 1] == ' ';
  for (size_t at = part.start; at < part.end; ++at) {
    const bool blank = text[at] == ' ' || text[at] == '\t';
    text[length_] = blank ? ' ' : text[at];
    // Without a branch, which would be mispredicted at each blank.
    length_ += static_cast<size_t>(!(blank & after_blank));
    after_blank = blank;
  }
}

Paragraphs::Span Paragraphs::trim(Span part) const {
  if (part.start >= part.end) return {part.start, part.start};
  const std::string_view trimmed = characters_.trim(view(part));
  const auto start = static_cast<size_t>(trimmed.data() - text_.data());
  return {start, start + trimmed.size()};
}

// The end of the row of the sign that stands at `at`.
size_t Paragraphs::row_end(size_t at, size_t end) const {
  size_t after = at;
  while (after < end && text_[after] == text_[at]) ++after;
  return after;
}

}  // namespace leia::corpus::wikitext
