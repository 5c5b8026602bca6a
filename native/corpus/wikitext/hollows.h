// Closes up what dropped templates leave in a line: brackets and quotation marks with nothing in
// them, `Sweden (, ), officially`, and separators with nothing between or beside them.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "corpus/wikitext/characters.h"

namespace leia::corpus::wikitext {

class Hollows {
 public:
  // `brackets`: code points of opening brackets, 0, of closing ones, 0, and of quotation marks,
  // which may be either.
  Hollows(const Characters& characters, std::span<const uint32_t> brackets);

  // Closes up the text from `start` to `end` where something was left out, at `holes`, and moves
  // `places` in it along; both are in order. Returns the new end. A byte that continues no
  // character must follow the text.
  size_t close(char* text, size_t start, size_t end, std::span<const size_t> holes,
               std::span<size_t* const> places);

 private:
  enum class Kind : uint8_t { kOther, kOpening, kClosing, kQuotation };
  // What a character is to a hole.
  struct Role {
    Kind kind = Kind::kOther;
    bool skipped = false;  // a separator or a blank
    bool sticks = false;   // a sign that no blank stands before
  };
  struct Sign {
    Kind kind = Kind::kOther;
    size_t size = 0;  // 0 at the end of the line
  };

  void close_one();
  Sign sign_before(size_t at) const;
  Sign sign_at(size_t at) const;
  Role find_role(uint32_t point) const;
  Role role(uint32_t point) const {
    if (point < ascii_.size()) return ascii_[point];
    return point < with_role_.size() && !with_role_[point] ? Role() : find_role(point);
  }
  size_t back_over_separators(size_t at) const;
  size_t over_separators(size_t at) const;
  size_t back_over_blanks(size_t at) const;
  bool punctuation_follows() const;
  void copy_to(size_t place);
  void drop_back(size_t out);
  void drop_to(size_t in);

  const Characters& characters_;
  std::unordered_map<uint32_t, Kind> brackets_;
  // Nearly all that stands beside holes has no role, or is ASCII: the rest is looked up by hash.
  std::bitset<0x10000> with_role_;
  std::array<Role, 0x80> ascii_;

  // The text that is done goes from `start_` to `out_`, what is still to do from `in_` to `end_`.
  char* text_ = nullptr;
  size_t start_ = 0;
  size_t out_ = 0;
  size_t in_ = 0;
  size_t end_ = 0;
  std::span<size_t* const> places_;
  size_t placed_ = 0;  // how many of them are done
};

}  // namespace leia::corpus::wikitext
