// The text of a page while it is read: a list of pieces, each a range of bytes, and links and runs
// of apostrophes by their places in it. A construct that turns out to be no text is undone by
// cutting the list back to where it began; offsets are only computed once, at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/wikitext/quotes.h"

namespace leia::corpus::wikitext {

// A part of Pieces::names().
struct Name {
  uint32_t start;
  uint32_t size;
};

// A link to an article, by pieces.
struct Link {
  uint32_t start;
  uint32_t end;
  Name target;
  Name english = {};  // the title of the English page, if a template says it
};

// The pieces [from, to) without the first `skip` bytes of the first one; or a text of its own.
struct Stretch {
  uint32_t from;
  uint32_t to;
  uint32_t skip;
  std::string_view text;
};

// A piece without text that tells where something is.
enum class Mark : uint8_t {
  kHole = 0,     // something was left out
  kNothing = 1,  // what stood here is gone
  kRow = 4,      // a row of a table begins, which is one line of text
  kCell,         // a cell of an HTML table begins
  kTable,        // a table within a table begins,
  kTableEnd,     // and ends
  kCaption,      // the caption of an image begins,
  kCaptionEnd,   // and ends
};

class Pieces {
 public:
  // More bytes than are ever looked at from a place in the source. This many follow the source and,
  // in the end, each piece.
  static constexpr size_t kPadding = 32;

  // Begins a page. The source is copied, and followed by bytes that are no markup.
  void begin(std::string_view source);

  const char* source() const { return source_.data(); }
  const char* source_end() const { return source_.data() + size_; }
  // Of a place in the source.
  uint32_t offset(const char* at) const { return static_cast<uint32_t>(at - source_.data()); }

  // How many pieces there are: the place of the next one.
  uint32_t length() const { return static_cast<uint32_t>(ranges_.size()); }
  std::string_view at(uint32_t place) const;
  bool is_line_break(uint32_t place) const { return ranges_[place].start == size_ + kNewline; }
  // Whether the piece may contain line breaks of its own.
  bool is_foreign(uint32_t place) const { return ranges_[place].start >= size_ + kSigns.size(); }
  // In bytes, of all pieces.
  size_t text_size() const;
  const std::vector<Link>& links() const { return links_; }

  // The text of the pieces since the list was this long, cut if it is too long.
  std::string_view text_from(uint32_t place, size_t most);
  // Whether a piece begins at this offset of the source.
  bool begins_at(uint32_t place, uint32_t offset) const { return ranges_[place].start == offset; }
  // Whether there is anything but blanks.
  bool has_text(const Stretch& stretch) const;
  // The text of a stretch. If that has several pieces, they are joined there, up to the one with
  // which they are longer than `most` bytes.
  std::string_view text_of(const Stretch& stretch, size_t most, std::string& joined) const;
  // Whether the pieces since the list was this long are empty.
  bool is_empty(uint32_t start) const;
  size_t links_since(uint32_t start) const;
  // The last character of the text but for apostrophes; 0 at its start.
  uint32_t last_character() const;
  // Whether the pieces since the list was this long have a '[' near the end that no ']' follows.
  bool has_open_bracket(uint32_t start) const;

  // A piece of the source.
  void push(const char* start, const char* end) { ranges_.push_back({offset(start), offset(end)}); }
  // A piece that is not in the source.
  void push_text(std::string_view text);
  void push_blank() { push_sign(kSpace); }
  // A blank, followed by padding.
  std::string_view blank() const { return {extra_.data() + kSpace, 1}; }
  void push_mark(Mark mark) {
    captions_ += mark == Mark::kCaption;
    ranges_.push_back(marked(mark));
  }
  // How many captions were marked, those that were dropped included.
  size_t captions() const { return captions_; }
  void set_mark(uint32_t place, Mark mark) { ranges_[place] = marked(mark); }
  bool is_mark(uint32_t place, Mark mark) const {
    const auto [start, end] = ranges_[place];
    return start == marked(mark).start && start == end;
  }
  // Turns a piece into the end of a cell, a blank, or nothing.
  void set_cell_end(uint32_t place) { set_sign(place, kCellEnd); }
  bool is_cell_end(uint32_t place) const { return ranges_[place].start == size_ + kCellEnd; }
  void set_blank(uint32_t place) { set_sign(place, kSpace); }
  void clear(uint32_t place);
  // Drops so many bytes at the ends of a piece.
  void trim(uint32_t place, uint32_t front, uint32_t back) {
    ranges_[place].start += front;
    ranges_[place].end -= back;
  }
  // The end of a line, up to which apostrophes balance.
  void push_line_break();
  // The piece at `place` is a run of apostrophes, or if `length` is 0 the end of a line.
  void mark_quotes(uint32_t place, uint32_t length, Before before);
  // Marks as quotes the pieces since the list was this long that are two or more apostrophes.
  void mark_all_quotes(uint32_t start);
  // Makes a link of the pieces since the list was this long.
  void add_link(uint32_t start, Name target, Name english = {}) {
    links_.push_back({start, length(), target, english});
  }
  // Drops all pieces since the list was this long.
  void cut(uint32_t start);

  // Puts these stretches of the pieces since the list was this long in place of all of them.
  void keep_only(uint32_t start, std::span<const Stretch> stretches);

  // Keeps a name for as long as the page is read.
  Name keep(std::string_view name);
  std::string_view name(Name kept) const {
    return std::string_view(names_).substr(kept.start, kept.size);
  }

  // Turns runs of apostrophes into what they show. Call it once, at the end.
  void finish();

 private:
  struct Range {
    uint32_t start;
    uint32_t end;
  };
  // Pieces that are not in the source, right behind it.
  static constexpr std::string_view kSigns = " \n\"\x1f      ";
  static constexpr uint32_t kSpace = 0;
  static constexpr uint32_t kNewline = 1;
  static constexpr uint32_t kQuote = 2;
  static constexpr uint32_t kCellEnd = 3;
  static_assert(static_cast<size_t>(Mark::kCaptionEnd) < kSigns.size());

  void push_sign(uint32_t sign) { ranges_.push_back({size_ + sign, size_ + sign + 1}); }
  void set_sign(uint32_t place, uint32_t sign) {
    ranges_[place] = {size_ + sign, size_ + sign + 1};
  }
  Range marked(Mark mark) const {
    const uint32_t place = size_ + static_cast<uint32_t>(mark);
    return {place, place};
  }
  Range append(std::string_view text);
  void write_quotes(std::span<QuoteRun> line);
  void replace(uint32_t place, uint32_t apostrophes, bool quoted);
  bool is_quoted(uint32_t opening, uint32_t closing) const;
  bool begins_quoted(uint32_t place) const;
  bool ends_quoted(uint32_t place) const;

  std::string source_;
  uint32_t size_ = 0;
  std::string extra_;  // the signs, and pieces that are not in the source
  std::vector<Range> ranges_;
  std::vector<Link> links_;
  std::vector<QuoteRun> quotes_;  // by piece
  size_t captions_ = 0;
  bool cleared_ = false;  // runs of apostrophes may have been cleared
  std::string names_;
  std::string joined_;
  // What `keep_only` has taken apart.
  std::vector<Range> taken_;
  std::vector<Link> taken_links_;
  std::vector<QuoteRun> taken_quotes_;
};

}  // namespace leia::corpus::wikitext
