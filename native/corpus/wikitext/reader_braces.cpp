// The part of the reader that braces and pipes are for: templates, tables, and what a pipe
// separates in each construct.
#include <algorithm>
#include <array>
#include <span>

#include "corpus/wikitext/reader.h"
#include "corpus/wikitext/table_rows.h"
#include "corpus/wikitext/variants.h"

namespace leia::corpus::wikitext {

namespace {

// Templates within this many others are not looked at: what they show would be moved once for each.
constexpr size_t kMostNested = 30;

// The signs of at most so many closing braces end one template or parameter.
constexpr uint32_t kMostBraces = 3;

// What a clause ends with.
constexpr std::u32string_view kClauseEnds =
    U".,;:!?)\u2026\u00bb\u201d\u060c\u061b\u061f\u06d4\u0964\u0965\u0589\u1362";
// Signs of links and italics that may stand before its first letter.
constexpr ptrdiff_t kMostSignsBefore = 7;
// Scripts up to here have capitals, which `kTrail` leaves out.
constexpr uint32_t kFirstCaseless = 0x590;

}  // namespace

void Reader::open_braces() {
  const char* end = end_of_row(at_);
  const auto count = static_cast<uint32_t>(end - at_);
  if (line_start_ && *end == '|' && count == 1) return open_table(end + 1);
  if (count < 2) return literal();
  // Three are a parameter. What is nested deeper than any page needs is not looked at.
  const bool named = count == 2 && !templates_.empty() && open_.braces() < kMostNested;
  const auto name = named ? Brace::Name::kUnread : Brace::Name::kUnknown;
  Frame& frame = open_.push(FrameKind::kBrace, pieces_.length());
  frame.brace = {count, line_start_, name, 0, 0};
  at_ = end;
  line_start_ = false;
}

// Opens a table whose attributes begin here. They are the rest of the line and no text, even if the
// table is never closed.
void Reader::open_table(const char* attributes) {
  open_.abandon_inline();
  begin_table(FrameKind::kTable);
  at_ = attributes;
  while (at_ < end_ && *at_ != '\n' && *at_ != '\r' && !(is('{', 0) && is('{', 1))) {
    const auto [point, size] = decode(at_);
    if (point == 0x2028 || point == 0x2029) break;  // line and paragraph separator
    at_ += size;
  }
  line_start_ = false;
}

void Reader::close_braces() {
  const char* end = end_of_row(at_);
  auto left = static_cast<uint32_t>(end - at_);
  if (left == 1 && !ends_variant(end)) return literal();
  at_ = end;
  while (left >= 2 && open_.braces() > 0) {
    while (!open_.in(FrameKind::kBrace)) open_.pop();
    Frame& frame = open_.top();
    const bool shown = show_template(frame);
    if (!shown) pieces_.cut(frame.start);
    const uint32_t matched = std::min({frame.brace.count, left, kMostBraces});
    left -= matched;
    frame.brace.count -= matched;
    if (frame.brace.count >= 2) continue;
    line_start_ = open_.pop().brace.line_start && !shown;
    if (shown) continue;
    if (open_.in_target()) {
      open_.top().link.opaque = true;
    } else {
      hole();
    }
  }
  if (left > 0 && ends_variant(end)) {
    close_variant(open_.pop(), pieces_);
    at_ = end + 1;
  } else if (left == 1) {
    pieces_.push(end - 1, end);
    line_start_ = false;
  }
  // Two or more braces that close nothing are left-over markup.
}

// Marks that something was left out here, unless templates are dropped as the paper does it.
void Reader::hole() {
  if (templates_.empty()) return;
  pieces_.push_mark(Mark::kHole);
  part_clauses();
}

// Puts a blank between the end of a clause and the letter that follows what was left out, a
// reference or an image: `ends.<ref>…</ref>Next`. Where words have no blanks between them, neither
// have clauses.
void Reader::part_clauses() {
  if (templates_.empty() || open_.in_target()) return;
  const auto last = static_cast<char32_t>(pieces_.last_character());
  if (kClauseEnds.find(last) == std::u32string_view::npos) return;
  const char* next = std::find_if(at_, end_, [](char sign) { return sign != '[' && sign != '\''; });
  if (next - at_ > kMostSignsBefore) return;
  const uint32_t point = decode(next).point;
  const bool letter = characters_.has(point, kWord) && (point < '0' || point > '9');
  if (letter && (point < kFirstCaseless || characters_.has(point, kTrail))) pieces_.push_blank();
}

// Looks for the template of this frame in the table; its pieces are the name.
void Reader::name_template(Frame& frame) {
  Brace& brace = frame.brace;
  const std::string_view name = pieces_.text_from(frame.start, Templates::kLongestName);
  const bool fits = name.size() <= Templates::kLongestName;
  brace.number = fits ? templates_.find(name) : Templates::kNone;
  brace.name = brace.number == Templates::kNone ? Brace::Name::kUnknown : Brace::Name::kKnown;
  brace.arguments = static_cast<uint32_t>(arguments_.size());
}

// Turns the template that ends here into what it shows; false if that is nothing, or not known.
bool Reader::show_template(Frame& frame) {
  Brace& brace = frame.brace;
  if (brace.name == Brace::Name::kUnread && show_braces(frame)) return true;
  if (brace.name == Brace::Name::kUnread) name_template(frame);
  if (brace.name == Brace::Name::kUnknown) return false;
  const bool shown = templates_.expand(
      brace.number, frame.start, std::span(arguments_).subspan(brace.arguments), pieces_, targets_);
  arguments_.resize(brace.arguments);
  return shown;
}

// Puts back the braces of what is no template, since its name has a brace, which the wiki shows as
// it is written: `{{}, {1, 2}}`. Whether this is so.
bool Reader::show_braces(const Frame& frame) {
  const std::string_view name = pieces_.text_from(frame.start, Templates::kLongestName);
  if (name.find_first_of("{}") == std::string_view::npos) return false;
  const std::array<Stretch, 3> shown = {
      {{0, 0, 0, "{{"}, {frame.start, pieces_.length(), 0, {}}, {0, 0, 0, "}}"}}};
  pieces_.keep_only(frame.start, shown);
  return true;
}

// Whether the braces before `end` may close a variant.
bool Reader::ends_variant(const char* end) const {
  return *end == '-' && open_.in(FrameKind::kVariant);
}

void Reader::pipe() {
  if (line_start_ && is('}', 1) && end_table()) return;
  Frame& top = open_.top();
  if (top.kind == FrameKind::kBrace) {
    if (top.brace.name == Brace::Name::kUnread) name_template(top);
    if (top.brace.name == Brace::Name::kUnknown) return literal();
    literal();  // text if the template never ends
    arguments_.push_back({pieces_.length(), pieces_.offset(at_)});
  } else if (top.kind == FrameKind::kLink) {
    if (open_.in_hidden()) return image_pipe(top.link);
    // What follows the first `|` is the label, further ones included.
    if (!open_.in_target()) return literal();
    end_target(top);
    pieces_.cut(top.start);
    if (top.link.target.kind == TargetKind::kHidden) begin_image(top);
    ++at_;
  } else if (top.kind == FrameKind::kVariant && !top.variant.flagged) {
    variant_sign(read_flags);
  } else {
    literal();
  }
}

// Begins the parameters of an image. A caption within that of another image is dropped with it.
void Reader::begin_image(Frame& frame) {
  if (kept_.captions && open_.hidden() == 0) {
    pieces_.push_mark(Mark::kCaption);
    frame.link.marked = true;
    ++frame.start;
  }
  frame.link.part = frame.start;
  open_.hide();
}

// A '|' in an image: parameters come first, and then a caption, which may contain more of it. If
// captions are kept, parameters may follow it. If the image never ends, the wiki shows it as text.
void Reader::image_pipe(OpenLink& image) {
  if (!image.captioned && !open_.take_parameter(image)) image.captioned = !image.marked;
  if (image.captioned) return literal();
  if (image.part < pieces_.length()) {
    pieces_.push_blank();  // the caption has several parts
    image.part = pieces_.length();
  }
  ++at_;
}

// Drops an image, but for its caption if that is shown and kept.
void Reader::end_image(Frame& frame) {
  if (!frame.link.marked) {
    pieces_.cut(frame.start);
    return hole();
  }
  open_.take_parameter(frame.link);
  if (frame.link.thumbnail && frame.start < pieces_.length()) {
    pieces_.push_mark(Mark::kCaptionEnd);
  } else {
    pieces_.cut(frame.start - 1);
  }
}

// Opens a table. One that is kept begins a line, and its first row.
void Reader::begin_table(FrameKind kind) {
  const bool nested = open_.tables() > 0;
  if (kept_.tables && !nested) pieces_.push_line_break();
  open_.push(kind, pieces_.length());
  if (kept_.tables) pieces_.push_mark(nested ? Mark::kTable : Mark::kRow);
}

void Reader::close_table() {
  const uint32_t start = open_.pop().start;
  if (!kept_.tables) return pieces_.cut(start);
  if (open_.tables() > 0) return pieces_.push_mark(Mark::kTableEnd);
  TableRows(pieces_, start).make();
  pieces_.push_line_break();
}

// Whether the `|}` here ended a table.
bool Reader::end_table() {
  const bool ends_template = is('}', 2) && !is('}', 3) && open_.braces() > 0;
  if (ends_template) return false;
  open_.abandon_inline();
  if (!open_.in(FrameKind::kTable)) return false;
  close_table();
  at_ += 2;
  return true;
}

}  // namespace leia::corpus::wikitext
