// What is open at a place in the wikitext: templates, tables and links, nested. A frame remembers
// how long the list of pieces was when it began; its end cuts the list back to that length, or
// makes a link of the pieces since.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "corpus/wikitext/pieces.h"

namespace leia::corpus::wikitext {

enum class FrameKind : uint8_t {
  kNone,  // nothing is open
  kBrace,
  kLink,
  kVariant,
  kExternal,
  kTable,
  kHtmlTable
};

// What `[[target]]` is.
enum class TargetKind : uint8_t {
  kUnread,   // no '|' has been seen yet
  kArticle,  // a link to an article
  kText,     // the label is text, but leads to no article of this wiki
  kHidden,   // not part of the text, label included
};

struct Target {
  TargetKind kind = TargetKind::kUnread;
  // The article's title; for `kText`, what is shown if there is no label.
  Name name = {};
  // What an article's link without a label shows, if that is not the target as it is written.
  Name shown = {};
};

struct Brace {
  uint32_t count;  // opening braces not yet matched
  bool line_start;
  enum class Name : uint8_t { kUnread, kUnknown, kKnown } name;
  uint32_t number;     // of a known template
  uint32_t arguments;  // how many there were before its own
};

struct OpenLink {
  Target target;
  Name written;
  bool opaque;     // a template stood in the target, so where it leads is unknown
  bool captioned;  // an image whose parameters are over
  bool thumbnail;  // an image whose caption is shown
  bool marked;     // the piece before it marks a caption
  uint32_t part;   // where the current parameter or the caption begins
  uint32_t links;  // finished before this one began
};

// Language variants, `-{zh-hans:计算机; zh-hant:電腦}-`: the same words in several scripts.
struct Variant {
  const char* source;     // where the current alternative begins in the source,
  uint32_t option_start;  // and in the pieces
  bool coded;             // the current alternative has begun with a code and ':'
  bool flagged;           // flags can stand only before the first alternative
  bool hidden;
};

struct Frame {
  FrameKind kind = FrameKind::kNone;
  uint32_t start = 0;
  Brace brace = {};
  OpenLink link = {};
  Variant variant = {};
};

class OpenFrames {
 public:
  // `thumbnails`: names of the parameter that shows an image with its caption.
  OpenFrames(Pieces& pieces, std::vector<std::string> thumbnails)
      : pieces_(pieces), thumbnails_(std::move(thumbnails)) {
    begin();
  }

  void begin();
  // How many frames are open, and how many of them are templates, tables, and images or categories.
  size_t size() const { return frames_.size() - kOutside; }
  size_t braces() const { return braces_; }
  size_t tables() const { return tables_; }
  size_t hidden() const { return hidden_; }
  // The innermost frame and the one around it; of kind `kNone` if there is none.
  Frame& top() { return frames_.back(); }
  const Frame& parent() const { return frames_[frames_.size() - 2]; }
  bool in(FrameKind kind) const { return frames_.back().kind == kind; }
  // Whether a link's target is being read.
  bool in_target() const {
    return in(FrameKind::kLink) && frames_.back().link.target.kind == TargetKind::kUnread;
  }

  // Whether the innermost frame is an image or a category, past its target.
  bool in_hidden() const {
    return in(FrameKind::kLink) && frames_.back().link.target.kind == TargetKind::kHidden;
  }

  // Opens a frame at this place of the pieces.
  Frame& push(FrameKind kind, uint32_t start);
  Frame pop();
  // Closes the top frame although its end is missing; its content stays as text, but for the
  // parameters of an image.
  void abandon();
  // Says that the innermost frame, a link, is an image or a category.
  void hide() { ++hidden_; }
  // Whether the pieces from here on are a parameter of an image, `thumb` or `alt=…`.
  bool is_parameter(uint32_t start) const;
  // Drops the part of an image that is being read if it is a parameter.
  bool take_parameter(OpenLink& image);
  // Closes what cannot continue in the next line, which begins with this byte, or -1 at the end of
  // the text.
  void end_line(int following);
  // Closes inline constructs that cannot continue here.
  void abandon_inline();

 private:
  // Two placeholders, so that there always are a top and one around it.
  static constexpr size_t kOutside = 2;

  Pieces& pieces_;
  std::vector<Frame> frames_;
  size_t braces_ = 0;
  size_t tables_ = 0;
  size_t hidden_ = 0;
  const std::vector<std::string> thumbnails_;
};

}  // namespace leia::corpus::wikitext
