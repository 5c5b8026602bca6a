#include "corpus/wikitext/frames.h"

#include <algorithm>
#include <string_view>

#include "corpus/wikitext/characters.h"

namespace leia::corpus::wikitext {

namespace {

// Signs that end a link's label if the next line begins with them.
constexpr std::string_view kBreaksLabel = "\n*#:;={|!";

// In bytes. Captions of one word are so short.
constexpr size_t kLongestParameter = 48;

bool is_blank(char sign) {
  return sign == ' ' || sign == '\n' || sign == '\t';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_table(FrameKind kind) {
  return kind == FrameKind::kTable || kind == FrameKind::kHtmlTable;
}

bool is_hidden(const Frame& frame) {
  return frame.kind == FrameKind::kLink && frame.link.target.kind == TargetKind::kHidden;
}

// Whether a frame that is open at the end of a line ends there.
bool ends_before(int following, const Frame& frame) {
  switch (frame.kind) {
    case FrameKind::kExternal:
      return true;
    case FrameKind::kVariant:
      return following == '\n';
    case FrameKind::kLink:
      if (frame.link.target.kind == TargetKind::kUnread) return true;
      // A caption may have several paragraphs.
      if (frame.link.target.kind == TargetKind::kHidden) return following == '=';
      return following < 0 ||
             kBreaksLabel.find(static_cast<char>(following)) != std::string_view::npos;
    default:
      return false;
  }
}

}  // namespace

void OpenFrames::begin() {
  frames_.assign(kOutside, {});
  braces_ = 0;
  tables_ = 0;
  hidden_ = 0;
}

Frame& OpenFrames::push(FrameKind kind, uint32_t start) {
  braces_ += kind == FrameKind::kBrace;
  tables_ += is_table(kind);
  Frame& frame = frames_.emplace_back();
  frame.kind = kind;
  frame.start = start;
  return frame;
}

Frame OpenFrames::pop() {
  const Frame frame = frames_.back();
  if (frame.kind == FrameKind::kNone) return frame;
  frames_.pop_back();
  braces_ -= frame.kind == FrameKind::kBrace;
  tables_ -= is_table(frame.kind);
  hidden_ -= is_hidden(frame);
  return frame;
}

void OpenFrames::abandon() {
  const Frame frame = pop();
  if (!is_hidden(frame)) return;
  if (frame.link.marked) pieces_.set_mark(frame.start - 1, Mark::kNothing);
  if (!frame.link.captioned && is_parameter(frame.link.part)) pieces_.cut(frame.link.part);
}

bool OpenFrames::is_parameter(uint32_t start) const {
  // In parameters, unlike captions, no blank stands before a '='.
  const std::string_view text = trimmed(pieces_.text_from(start, kLongestParameter));
  const size_t end = std::min({text.find_first_of(" \n="), kLongestParameter, text.size()});
  return end == text.size() || text[end] == '=';
}

bool OpenFrames::take_parameter(OpenLink& image) {
  if (!is_parameter(image.part)) return false;
  if (!thumbnails_.empty()) {
    const std::string_view text = trimmed(pieces_.text_from(image.part, kLongestParameter));
    const std::string name = in_small_letters(text.substr(0, text.find('=')));
    image.thumbnail |= std::ranges::find(thumbnails_, name) != thumbnails_.end();
  }
  pieces_.cut(image.part);
  return true;
}

void OpenFrames::end_line(int following) {
  if (in_hidden() && !top().link.captioned) {
    take_parameter(top().link);
    top().link.captioned = following == '\n';  // another paragraph has no parameters
  }
  while (ends_before(following, top())) abandon();
}

void OpenFrames::abandon_inline() {
  while (in(FrameKind::kLink) || in(FrameKind::kExternal) || in(FrameKind::kVariant)) abandon();
}

}  // namespace leia::corpus::wikitext
