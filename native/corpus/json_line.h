// Passages as lines of JSON in UTF-8, the same bytes that JSON.stringify gives. A dataset has
// gigabytes of them, and JavaScript would copy each several times on its way to the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace leia::corpus {

// Writes the value of one line into memory that the caller has made large enough.
class JsonLine {
 public:
  // A unit of UTF-16 takes so many bytes at most, as an escape, and a string two more.
  static constexpr size_t kMostBytes = 6;

  explicit JsonLine(uint8_t* start) : next_(start) {}

  uint8_t* end() const { return next_; }
  // Signs and keys: ASCII without anything to escape.
  void raw(std::string_view text);
  void integer(uint32_t value);
  // Half of a surrogate pair is written as an escape.
  void string(std::u16string_view text);

 private:
  uint8_t* next_;
};

}  // namespace leia::corpus
