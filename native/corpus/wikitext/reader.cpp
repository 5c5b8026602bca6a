#include "corpus/wikitext/reader.h"

#include <algorithm>

#include "corpus/wikitext/tags.h"
#include "corpus/wikitext/variants.h"

namespace leia::corpus::wikitext {

namespace {

static_assert(Pieces::kPadding >= MarkupMap::kSeen);

// Whether a sign may separate alternatives of a language variant.
bool separates_variants(char sign) {
  return sign == ';' || sign == ':';
}

// Some markup only counts at the start of a line; these signs and blanks may stand before it.
constexpr std::u32string_view kIndentation = U":*#;";

// Targets of links may be read up to this many times the length of the page.
constexpr size_t kMostReadings = 2;

// A link that is broken by the end of a line ends within so many bytes of the next.
constexpr ptrdiff_t kLongestRest = 400;
// Superscripts and subscripts of digits are shorter, as they are written. In bytes.
constexpr size_t kLongestScript = 60;

}  // namespace

Reader::Reader(const Characters& characters, LinkTargets& targets, Templates& templates,
               Decoding decoding, Scripts scripts, Kept kept, std::vector<std::string> thumbnails)
    : characters_(characters),
      targets_(targets),
      templates_(templates),
      decoding_(decoding),
      scripts_(scripts),
      kept_(kept),
      open_(pieces_, std::move(thumbnails)),
      elements_(characters, decoding, kept.formulas) {}

Passage Reader::read(std::string_view wikitext) {
  pieces_.begin(wikitext);
  open_.begin();
  arguments_.clear();
  elements_.begin();
  at_ = pieces_.source();
  end_ = pieces_.source_end();
  markup_.begin({at_, wikitext.size()});
  next_variant_end_ = nullptr;
  line_start_ = true;
  heading_ = wikitext.starts_with('=');
  steps_ = 0;
  target_bytes_ = 0;
  while (at_ < end_) {
    ++steps_;
    const char* next = next_markup();
    if (next > at_) plain(next);
    if (next < end_) special();
  }
  return finish();
}

// Where markup may begin next, or the end.
const char* Reader::next_markup() const {
  const char* next = markup_.next(at_);
  if (open_.in(FrameKind::kVariant)) return std::find_if(at_, next, separates_variants);
  return kept_.tables && open_.in(FrameKind::kTable) ? std::find(at_, next, '!') : next;
}

// Text without markup.
void Reader::plain(const char* end) {
  pieces_.push(at_, end);
  if (line_start_) line_start_ = characters_.skip(at_, end, kBlank, kIndentation) == end;
  at_ = end;
}

// Takes the sign at the current place as ordinary text; only a wide underscore has several bytes.
void Reader::literal() {
  const char* end = at_ + decode(at_).size;
  pieces_.push(at_, end);
  at_ = end;
  line_start_ = false;
}

void Reader::special() {
  switch (*at_) {
    case '<':
      return angle();
    case '[':
      return open_bracket();
    case ']':
      return close_bracket();
    case '{':
      return open_braces();
    case '}':
      return close_braces();
    case '|':
      return pipe();
    case '\'':
      return apostrophes();
    case '&':
      return entity();
    case '\n':
      return newline();
    case '-':
      return open_variant_or_literal();
    case ';':
      return variant_sign(end_option);
    case ':':
      return variant_sign(read_code);
    case '!':  // in a table
      return literal();
    default:
      return behaviour_switch();
  }
}

void Reader::entity() {
  const auto found = entity_at({at_, static_cast<size_t>(end_ - at_)}, decoding_);
  if (!found) return literal();
  std::string text;
  append_utf8(found->point, text);
  pieces_.push_text(text);
  at_ += found->size;
  line_start_ = false;
}

void Reader::behaviour_switch() {
  const char* end = switch_end(at_, end_, characters_);
  if (end == nullptr) return literal();
  at_ = end;
}

const char* Reader::find(std::string_view sign, const char* from) const {
  const std::string_view rest(from, static_cast<size_t>(end_ - from));
  const size_t place = rest.find(sign);
  return place == std::string_view::npos ? end_ : from + place;
}

// --- lines ---

void Reader::newline() {
  if (open_.in_target() && target_goes_on(at_ + 1)) {
    pieces_.push_blank();
    ++at_;
    return;
  }
  const int following = at_ + 1 < end_ ? static_cast<uint8_t>(at_[1]) : -1;
  open_.end_line(following);
  line_break();
  ++at_;
  line_start_ = true;
  heading_ = following == '=';
}

// Whether a link whose target is broken by the end of a line ends in the next one: the wiki shows
// its brackets, but what was meant is plain, `[[racial laws⏎|laws]]`.
bool Reader::target_goes_on(const char* line) const {
  // Else it is another item of a list, a row of a table …
  if (line == end_ || std::string_view("*#:;={!").find(*line) != std::string_view::npos)
    return false;
  if (*line == '|' && std::string_view("-}+").find(line[1]) != std::string_view::npos) return false;
  const char* most = std::min(end_, line + kLongestRest);
  bool labelled = false;
  for (const char* at = line; at < most && *at != '\n' && *at != '['; ++at) {
    if (*at == ']') return at[1] == ']';
    if (*at == '|') labelled = true;
    if (!labelled && std::string_view("{}<").find(*at) != std::string_view::npos) return false;
  }
  return false;
}

// The end of a line, except in a link's label.
void Reader::line_break() {
  if (open_.in(FrameKind::kLink) && !open_.in_hidden()) {
    pieces_.push_blank();
  } else {
    pieces_.push_line_break();
  }
}

void Reader::apostrophes() {
  const char* end = end_of_row(at_);
  if (!open_.in_target()) {
    pieces_.mark_quotes(pieces_.length(), static_cast<uint32_t>(end - at_),
                        before(at_, end - at_ == 4));
  }
  pieces_.push(at_, end);
  at_ = end;
  line_start_ = false;
}

// What stands before `at` in its line. MediaWiki looks at two bytes. Of four apostrophes the first
// is text, and stands before the others.
Before Reader::before(const char* at, bool after_apostrophe) const {
  const auto is_blank = [begin = pieces_.source(), at](int distance) {
    return at - begin >= distance && at[-distance] == ' ';
  };
  if (after_apostrophe) return is_blank(1) ? Before::kOneLetter : Before::kWord;
  if (is_blank(1)) return Before::kBlank;
  return is_blank(2) && at[-1] != '\n' ? Before::kOneLetter : Before::kWord;
}

// --- links ---

void Reader::open_bracket() {
  const bool is_double = is('[', 1);
  const char* address = at_ + (is_double ? 2 : 1);
  const char* after = address < end_ ? address_end(address, end_, characters_) : nullptr;
  if (after != nullptr && is_double) {
    const std::string_view written(address, static_cast<size_t>(after - address));
    if (written.find("//") == std::string_view::npos) after = nullptr;
  }
  if (after != nullptr) {
    // Also for `[[http://…]]`: a frequent mistake for a single bracket.
    at_ = std::find_if(after, end_, [](char sign) { return sign != ' ' && sign != '\t'; });
    if (!open_.in(FrameKind::kExternal)) open_.push(FrameKind::kExternal, pieces_.length());
    line_start_ = false;
    return;
  }
  if (!is_double) return literal();
  // `[[[page]]]`: the link is the innermost pair; an odd bracket before it is text.
  const char* inner = end_of_row(at_) - 2;
  if (inner > at_) {
    if ((inner - at_) % 2 == 1) pieces_.push(at_, at_ + 1);
    at_ = inner;
    line_start_ = false;
    return;
  }
  // A target cannot contain a link, so the brackets before were no link.
  if (open_.in_target()) open_.abandon();
  const auto links = static_cast<uint32_t>(pieces_.links().size());
  open_.push(FrameKind::kLink, pieces_.length()).link.links = links;
  at_ += 2;
  line_start_ = false;
}

void Reader::close_bracket() {
  const bool is_double = is(']', 1);
  if (open_.in(FrameKind::kExternal)) {
    const Frame link = open_.pop();
    // The second bracket of `[[http://… label]]` is dropped with the first; in `[http://…
    // [[page]]]` it is not.
    at_ += is_double && !open_.in(FrameKind::kLink) ? 2 : 1;
    if (pieces_.is_empty(link.start)) hole();  // it has no label
    return;
  }
  if (!is_double) return literal();
  for (int depth = 0; depth < 2 && open_.in(FrameKind::kVariant); ++depth) {
    if (open_.parent().kind != FrameKind::kLink) break;
    open_.pop();
  }
  const bool in_link = open_.in(FrameKind::kLink);
  // `[[page|[1]]]`: the first bracket is the label's.
  if (in_link && !open_.in_target() && is(']', 2) && pieces_.has_open_bracket(open_.top().start)) {
    return literal();
  }
  at_ += 2;
  if (in_link) close_link();
}

// Reads the target of the link whose pieces begin with this frame.
void Reader::end_target(Frame& frame) {
  OpenLink& link = frame.link;
  link.target = {TargetKind::kText, {}};
  // Targets overlap only where addresses stand in them; when the limit is reached, they are no
  // titles.
  const size_t size = static_cast<size_t>(end_ - pieces_.source());
  if (target_bytes_ > kMostReadings * size) return;
  const std::string_view written = pieces_.text_from(frame.start, LinkTargets::kMostBytes);
  target_bytes_ += written.size();
  if (written.size() > LinkTargets::kMostBytes) return;
  link.written = pieces_.keep(written);
  if (!link.opaque) link.target = targets_.resolve(link.written, pieces_);
}

void Reader::close_link() {
  const bool labelled = !open_.in_target();
  Frame frame = open_.pop();
  if (!labelled) end_target(frame);
  const Target& target = frame.link.target;
  if (target.kind == TargetKind::kHidden) {
    return end_image(frame);
  }
  if (!labelled) {
    target_as_label(frame);
  } else if (pieces_.is_empty(frame.start)) {
    pieces_.push_text(pipe_trick(pieces_.name(frame.link.written), characters_));
  }
  const char* trail_end = characters_.skip(at_, end_, kTrail);
  if (trail_end > at_) pieces_.push(at_, trail_end);
  at_ = trail_end;
  // A link around links is no link: the inner ones win, as on the wiki.
  if (target.kind == TargetKind::kArticle && pieces_.links().size() == frame.link.links) {
    pieces_.add_link(frame.start, target.name);
  }
}

// `[[target]]`: the target is shown, without the parts that only say where the page is.
void Reader::target_as_label(const Frame& frame) {
  const Target& target = frame.link.target;
  const Name shown = target.kind == TargetKind::kText ? target.name : target.shown;
  if (shown.size > 0) {
    pieces_.cut(frame.start);
    pieces_.push_text(pieces_.name(shown));
  } else if (frame.link.written.size > 0) {
    pieces_.mark_all_quotes(frame.start);  // unless it was too long to be read
  }
}

// --- language variants ---

void Reader::open_variant_or_literal() {
  // Without an end it is a dash before a brace.
  if (next_variant_end_ == nullptr || (next_variant_end_ < at_ && next_variant_end_ < end_)) {
    next_variant_end_ = find("}-", at_);
  }
  const bool is_template = is('{', 2) && !is('{', 3);
  if (next_variant_end_ == end_ || is_template) return literal();
  at_ += 2;
  open_variant(at_, open_, pieces_);
}

// A '|', ':' or ';' in a variant: a separator, or text.
void Reader::variant_sign(ReadSign read_sign) {
  if (read_sign(open_.top(), at_, pieces_, characters_)) {
    ++at_;
  } else {
    literal();
  }
}

// --- tags and comments ---

void Reader::angle() {
  constexpr std::string_view kComment = "<!--";
  constexpr std::string_view kCommentEnd = "-->";
  if (std::equal(kComment.begin(), kComment.end(), at_)) {
    // An unclosed comment reaches to the end, as on the wiki.
    const char* end = find(kCommentEnd, std::min(at_ + kComment.size(), end_));
    at_ = end == end_ ? end_ : end + kCommentEnd.size();
    return;
  }
  const auto tag = tag_at(at_, end_, characters_);
  if (!tag) return literal();
  if (!tag->closed) {
    if (tag->name.size() < 3 && tag->name != "br") return literal();
    // It is never closed by '>'.
    at_ = attributes_end(tag->attributes);
    return;
  }
  at_ = tag->end;
  switch (tag->action) {
    case TagAction::kUnwrap:
      if (scripts_ != Scripts::kPlain && !tag->closing) script(*tag);
      return;
    case TagAction::kBreak:
      return pieces_.push_blank();
    case TagAction::kBlock:
      return kept_.tables && html_cell(*tag) ? void() : block_tag();
    case TagAction::kTable:
      return html_table(tag->closing);
    default:
      if (!tag->closing) element(*tag);
  }
}

void Reader::block_tag() {
  if (!heading_ && !open_.in(FrameKind::kLink)) line_break();
}

void Reader::html_table(bool closing) {
  if (!closing) {
    return begin_table(FrameKind::kHtmlTable);
  }
  open_.abandon_inline();
  if (open_.in(FrameKind::kHtmlTable) || open_.in(FrameKind::kTable)) close_table();
}

// Marks the rows and cells of an HTML table that is kept; false for any other tag.
bool Reader::html_cell(const Tag& tag) {
  if (!open_.in(FrameKind::kHtmlTable) && !open_.in(FrameKind::kTable)) return false;
  const bool row = tag.name == "tr" || tag.name == "caption";
  const bool cell = tag.name == "td" || tag.name == "th" || tag.name == "caption";
  if (row && !tag.closing) {
    pieces_.push_line_break();
    pieces_.push_mark(Mark::kRow);
  }
  if (cell && !tag.closing) pieces_.push_mark(Mark::kCell);
  return row || cell;
}

// An element whose content is not wikitext. Without an end tag only its start is dropped.
void Reader::element(const Tag& tag) {
  if (characters_.trim(tag.attributes).ends_with('/')) return part_clauses();
  const auto [end, text] = elements_.read(tag, end_);
  if (end == nullptr) return;
  at_ = end;
  if (text.empty()) return part_clauses();
  pieces_.push_text(text);
  line_start_ = false;
}

// A superscript or subscript of digits and signs alone, with its end tag. Any other is ordinary
// text.
void Reader::script(const Tag& tag) {
  if (tag.name != "sup" && tag.name != "sub") return;
  const std::string_view rest(tag.end, static_cast<size_t>(end_ - tag.end));
  const size_t size = rest.substr(0, kLongestScript).find('<');
  if (size == std::string_view::npos) return;
  const auto end_tag = tag_at(tag.end + size, end_, characters_);
  if (!end_tag || !end_tag->closing || !end_tag->closed || end_tag->name != tag.name) return;
  const std::string content = decode_entities(rest.substr(0, size), decoding_);
  const std::string text = script_text(content, tag.name == "sup", scripts_);
  if (text.empty()) return;
  pieces_.push_text(text);
  at_ = end_tag->end;
  line_start_ = false;
}

// --- the end ---

Passage Reader::finish() {
  Passage passage;
  passage.unclosed = open_.size();
  passage.steps = steps_;
  while (open_.size() > 0) {
    const bool table = open_.in(FrameKind::kTable) || open_.in(FrameKind::kHtmlTable);
    if (table) passage.open_table = open_.top().start;
    if (open_.in(FrameKind::kBrace)) passage.open_template = open_.top().start;
    open_.abandon();
  }
  pieces_.finish();
  return passage;
}

}  // namespace leia::corpus::wikitext
