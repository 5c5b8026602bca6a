// Passages as lines of JSON in UTF-8, the same bytes that JSON.stringify gives. A dataset has
// gigabytes of them, and JavaScript would copy each several times on its way to the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace leia::corpus {

// Writes one line into memory that the caller has made large enough: begin, each link and perhaps
// its name, finish. Half of a surrogate pair is written as an escape.
class JsonLine {
 public:
  // The most bytes of a line whose strings have `units` units in all, of UTF-16 or UTF-8.
  static constexpr size_t most_bytes(size_t units, size_t links) {
    return kMostOfUnit * units + kMostOfKeys * (links + 1);
  }

  explicit JsonLine(uint8_t* start) : next_(start) {}

  uint8_t* end() const { return next_; }

  // `more`: members of the object as JSON, written as they are; empty if there are none.
  template <class Text>
  void begin(std::u16string_view title, std::string_view more, Text text) {
    raw("{\"title\":");
    string(title);
    if (!more.empty()) raw(",");
    raw(more);
    raw(",\"text\":");
    string(text);
    raw(",\"anchors\":[");
  }
  template <class Text>
  void link(uint32_t start, uint32_t end, Text target) {
    raw(links_++ == 0 ? "{\"start\":" : "},{\"start\":");
    integer(start);
    raw(",\"end\":");
    integer(end);
    raw(",\"target\":");
    string(target);
  }
  // The title of the English page.
  void english(std::string_view title) {
    raw(",\"english\":");
    string(title);
  }
  void null_name() { raw(",\"name\":null"); }
  void name(std::u16string_view name) {
    raw(",\"name\":");
    string(name);
  }
  void finish() { raw(links_ == 0 ? "]}\n" : "}]}\n"); }

 private:
  static constexpr size_t kMostOfUnit = 6;  // as an escape
  static constexpr size_t kMostOfKeys =
      96;  // more than those of a link, or of the line, with its numbers

  void raw(std::string_view text) {
    std::memcpy(next_, text.data(), text.size());
    next_ += text.size();
  }
  void integer(uint32_t value);
  void string(std::u16string_view text);
  void string(std::string_view utf8);
  void copy_or_escape(std::string_view stretch);
  void escape(std::string_view utf8);

  uint8_t* next_;
  size_t links_ = 0;
};

}  // namespace leia::corpus
