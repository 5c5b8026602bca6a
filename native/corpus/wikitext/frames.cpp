#include "corpus/wikitext/frames.h"

#include <algorithm>
#include <string_view>

namespace leia::corpus::wikitext {

namespace {

// Signs that end a link's label if the next line begins with them.
constexpr std::string_view kBreaksLabel = "\n*#:;={|!";

// In bytes. Captions of one word are so short.
constexpr size_t kLongestParameter = 48;

bool is_blank(char sign) {
  return sign == ' ' || sign == '\n' || sign == '\t';
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
}

Frame& OpenFrames::push(FrameKind kind, uint32_t start) {
  braces_ += kind == FrameKind::kBrace;
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
  return frame;
}

void OpenFrames::abandon() {
  const Frame frame = pop();
  if (frame.kind != FrameKind::kLink || frame.link.target.kind != TargetKind::kHidden) return;
  if (!frame.link.captioned && is_parameter(frame.start)) pieces_.cut(frame.start);
}

bool OpenFrames::is_parameter(uint32_t start) const {
  // In parameters, unlike captions, no blank stands before a '='.
  std::string_view text = pieces_.text_from(start, kLongestParameter);
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  const size_t end = std::min({text.find_first_of(" \n="), kLongestParameter, text.size()});
  return end == text.size() || text[end] == '=';
}

void OpenFrames::end_line(int following) {
  if (in_hidden() && !top().link.captioned) {
    if (is_parameter(top().start)) pieces_.cut(top().start);
    top().link.captioned = following == '\n';  // another paragraph has no parameters
  }
  while (ends_before(following, top())) abandon();
}

void OpenFrames::abandon_inline() {
  while (in(FrameKind::kLink) || in(FrameKind::kExternal) || in(FrameKind::kVariant)) abandon();
}

}  // namespace leia::corpus::wikitext
