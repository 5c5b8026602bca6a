#include "corpus/wikitext/frames.h"

#include <string_view>

namespace leia::corpus::wikitext {

namespace {

// Signs that end a link's label if the next line begins with them.
constexpr std::string_view kBreaksLabel = "\n*#:;={|!";

// Whether a frame that is open at the end of a line ends there.
bool ends_before(int following, const Frame& frame) {
  switch (frame.kind) {
    case FrameKind::kExternal:
      return true;
    case FrameKind::kVariant:
      return following == '\n';
    case FrameKind::kLink:
      if (frame.link.target.kind == TargetKind::kUnread) return true;
      if (frame.link.target.kind == TargetKind::kHidden) return following == '\n';
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
  // An image whose end is missing: all that was read of it is parameters and caption.
  if (frame.kind == FrameKind::kLink && frame.link.target.kind == TargetKind::kHidden) {
    pieces_.cut(frame.start);
  }
}

void OpenFrames::end_line(int following) {
  while (ends_before(following, top())) abandon();
}

void OpenFrames::abandon_inline() {
  while (in(FrameKind::kLink) || in(FrameKind::kExternal) || in(FrameKind::kVariant)) abandon();
}

}  // namespace leia::corpus::wikitext
