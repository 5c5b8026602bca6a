#include "corpus/wikitext/pieces.h"

#include <algorithm>

#include "corpus/wikitext/characters.h"

namespace leia::corpus::wikitext {

namespace {

// Memory beyond this, which a longer page needed, is given back.
constexpr size_t kMostKept = size_t{4} << 20;
// How far from its end a label is searched for a bracket.
constexpr uint32_t kTailPieces = 8;
// More than a character with the apostrophes of bold and italics behind it.
constexpr size_t kTailBytes = 16;

bool is_apostrophes(std::string_view text) {
  return text.size() >= 2 && text.find_first_not_of('\'') == std::string_view::npos;
}

}  // namespace

void Pieces::begin(std::string_view source) {
  if (source_.capacity() > kMostKept) *this = Pieces();
  source_.assign(source);
  source_.append(kPadding, ' ');
  size_ = static_cast<uint32_t>(source.size());
  extra_.assign(kSigns);
  ranges_.clear();
  links_.clear();
  quotes_.clear();
  names_.clear();
  cleared_ = false;
  captions_ = 0;
}

std::string_view Pieces::at(uint32_t place) const {
  const auto [start, end] = ranges_[place];
  const char* bytes = start < size_ ? source_.data() + start : extra_.data() + (start - size_);
  return {bytes, end - start};
}

size_t Pieces::text_size() const {
  size_t size = 0;
  for (const Range& range : ranges_) size += range.end - range.start;
  return size;
}

std::string_view Pieces::text_from(uint32_t place, size_t most) {
  if (place == length()) return {};
  const std::string_view first = at(place);
  uint32_t end = ranges_[place].end;
  uint32_t next = place + 1;
  for (; next < length() && ranges_[next].start == end && end < size_; ++next) {
    end = ranges_[next].end;
  }
  const std::string_view text(first.data(), end - ranges_[place].start);
  if (next == length()) return text;
  joined_.assign(text);
  for (; next < length() && joined_.size() <= most; ++next) joined_ += at(next);
  return joined_;
}

bool Pieces::has_text(const Stretch& stretch) const {
  uint32_t skip = stretch.skip;
  for (uint32_t place = stretch.from; place < stretch.to; ++place) {
    const std::string_view text = at(place).substr(skip);
    if (text.find_first_not_of(" \t\n") != std::string_view::npos) return true;
    skip = 0;
  }
  return false;
}

std::string_view Pieces::text_of(const Stretch& stretch, size_t most, std::string& joined) const {
  if (stretch.from == stretch.to) return {};
  const std::string_view first = at(stretch.from).substr(stretch.skip);
  if (stretch.from + 1 == stretch.to) return first;
  joined.assign(first);
  for (uint32_t place = stretch.from + 1; place < stretch.to && joined.size() <= most; ++place) {
    joined += at(place);
  }
  return joined;
}

bool Pieces::is_empty(uint32_t start) const {
  return std::all_of(ranges_.begin() + std::min(start, length()), ranges_.end(),
                     [](const Range& range) { return range.start == range.end; });
}

size_t Pieces::links_since(uint32_t start) const {
  const auto found = std::find_if(links_.rbegin(), links_.rend(),
                                  [start](const Link& link) { return link.start < start; });
  return static_cast<size_t>(found - links_.rbegin());
}

uint32_t Pieces::last_character() const {
  const uint32_t least = length() - std::min(length(), kTailPieces);
  for (uint32_t place = length(); place > least; --place) {
    const std::string_view whole = at(place - 1);
    const std::string_view piece = whole.substr(whole.size() - std::min(whole.size(), kTailBytes));
    const size_t last = piece.find_last_not_of('\'');
    if (last == std::string_view::npos) continue;
    return decode_before(piece.data(), piece.data() + last + 1).point;
  }
  return 0;
}

bool Pieces::has_open_bracket(uint32_t start) const {
  const uint32_t from = std::max(start, length() - std::min(length(), kTailPieces));
  for (uint32_t place = length(); place > from; --place) {
    const std::string_view piece = at(place - 1);
    if (piece == "[") return true;
    if (piece == "]") return false;
  }
  return false;
}

void Pieces::push_text(std::string_view text) {
  ranges_.push_back(append(text));
}

Pieces::Range Pieces::append(std::string_view text) {
  const auto start = size_ + static_cast<uint32_t>(extra_.size());
  extra_ += text;
  return {start, start + static_cast<uint32_t>(text.size())};
}

void Pieces::push_line_break() {
  // One mark is enough for several line breaks in a row.
  if (!quotes_.empty() && quotes_.back().length > 0) mark_quotes(length(), 0, Before::kWord);
  push_sign(kNewline);
}

void Pieces::mark_quotes(uint32_t place, uint32_t length, Before before) {
  quotes_.push_back({place, length, before});
}

void Pieces::mark_all_quotes(uint32_t start) {
  for (uint32_t place = start; place < length(); ++place) {
    const std::string_view piece = at(place);
    if (is_apostrophes(piece)) {
      mark_quotes(place, static_cast<uint32_t>(piece.size()), Before::kWord);
    }
  }
}

void Pieces::clear(uint32_t place) {
  if (at(place).empty()) return;  // a mark stays
  set_mark(place, Mark::kNothing);
  cleared_ = true;
}

void Pieces::cut(uint32_t start) {
  ranges_.resize(std::min<size_t>(start, ranges_.size()));
  while (!links_.empty() && links_.back().end > start) links_.pop_back();
  while (!quotes_.empty() && quotes_.back().place >= start) quotes_.pop_back();
}

void Pieces::keep_only(uint32_t start, std::span<const Stretch> stretches) {
  taken_.assign(ranges_.begin() + start, ranges_.end());
  taken_links_.assign(links_.end() - static_cast<ptrdiff_t>(links_since(start)), links_.end());
  const auto before = std::find_if(quotes_.rbegin(), quotes_.rend(),
                                   [start](const QuoteRun& run) { return run.place < start; });
  taken_quotes_.assign(before.base(), quotes_.end());
  cut(start);
  for (const Stretch& stretch : stretches) {
    if (stretch.from == stretch.to) {
      if (!stretch.text.empty()) push_text(stretch.text);
      continue;
    }
    const uint32_t shift = length() - stretch.from;  // may wrap around, and back when it is added
    for (uint32_t place = stretch.from; place < stretch.to; ++place) {
      ranges_.push_back(taken_[place - start]);
    }
    ranges_[stretch.from + shift].start += stretch.skip;
    for (const Link& link : taken_links_) {
      if (link.start < stretch.from || link.end > stretch.to) continue;
      links_.push_back({link.start + shift, link.end + shift, link.target, link.english});
    }
    for (const QuoteRun& run : taken_quotes_) {
      if (run.place < stretch.from || run.place >= stretch.to) continue;
      quotes_.push_back({run.place + shift, run.length, run.before});
    }
  }
}

Name Pieces::keep(std::string_view name) {
  const Name kept = {static_cast<uint32_t>(names_.size()), static_cast<uint32_t>(name.size())};
  names_ += name;
  return kept;
}

void Pieces::finish() {
  if (cleared_) {
    std::erase_if(quotes_, [this](const QuoteRun& run) {
      return run.length > 0 && is_mark(run.place, Mark::kNothing);
    });
  }
  for (size_t from = 0; from < quotes_.size();) {
    size_t to = from;
    while (to < quotes_.size() && quotes_[to].length > 0) ++to;
    write_quotes(std::span(quotes_).subspan(from, to - from));
    from = to + 1;
  }
  extra_.append(kPadding, ' ');
}

void Pieces::write_quotes(std::span<QuoteRun> line) {
  resolve_quotes(line);
  const QuoteRun* opening = nullptr;
  for (const QuoteRun& run : line) {
    replace(run.place, run.apostrophes, run.mark != QuoteRun::kNone);
    if (run.mark == QuoteRun::kOpening) opening = &run;
    // Italics around words already in quotation marks need no second pair.
    if (run.mark == QuoteRun::kClosing && is_quoted(opening->place, run.place)) {
      replace(opening->place, opening->apostrophes, false);
      replace(run.place, run.apostrophes, false);
    }
  }
}

void Pieces::replace(uint32_t place, uint32_t apostrophes, bool quoted) {
  if (apostrophes == 0) {
    const uint32_t start = size_ + kQuote;
    ranges_[place] = {start, start + quoted};
    return;
  }
  const Range range = append(std::string(apostrophes, '\''));
  if (quoted) extra_ += '"';
  ranges_[place] = {range.start, range.end + quoted};
}

// Whether quotation marks stand directly inside, or directly outside, of both places.
bool Pieces::is_quoted(uint32_t opening, uint32_t closing) const {
  const bool inside = begins_quoted(opening + 1) && ends_quoted(closing - 1);
  const bool outside = opening > 0 && ends_quoted(opening - 1) && begins_quoted(closing + 1);
  return outside || (inside && (closing > opening + 2 || at(opening + 1).size() > 1));
}

bool Pieces::begins_quoted(uint32_t place) const {
  return place < length() && at(place).starts_with('"');
}

bool Pieces::ends_quoted(uint32_t place) const {
  return at(place).ends_with('"');
}

}  // namespace leia::corpus::wikitext
