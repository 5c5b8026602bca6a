#include "corpus/wikitext/hollows.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace leia::corpus::wikitext {

namespace {

// Signs that separate words or clauses, and mean nothing with nothing to separate.
constexpr std::u32string_view kSeparators =
    U",;:/\u2013\u2014\u00b7\u3001\uff0c\uff1b\uff1a\uff0f"
    U"\u30fb\u060c\u061b\u055d\u1363\u1361\u1364\u1808";
// Signs before which no blank stands.
constexpr std::u32string_view kSticking =
    U",;.!?\u3001\u3002\uff0c\uff1b\uff01\uff1f\u060c\u061b"
    U"\u061f\u06d4\u0964\u1362\u0589";
// How many bytes are looked at from a hole: few, so that a long row of separators is read once.
constexpr size_t kReach = 64;

bool contains(std::u32string_view signs, uint32_t point) {
  return signs.find(static_cast<char32_t>(point)) != std::u32string_view::npos;
}

}  // namespace

Hollows::Hollows(const Characters& characters, std::span<const uint32_t> brackets)
    : characters_(characters) {
  constexpr std::array<Kind, 3> kKinds = {Kind::kOpening, Kind::kClosing, Kind::kQuotation};
  size_t kind = 0;
  for (const uint32_t point : brackets) {
    if (point == 0) {
      kind = std::min(kind + 1, kKinds.size() - 1);
    } else {
      brackets_[point] = kKinds[kind];
    }
  }
  for (uint32_t point = 0; point < ascii_.size(); ++point) ascii_[point] = find_role(point);
  for (uint32_t point = 0; point < with_role_.size(); ++point) {
    if (characters_.has(point, kBlank)) with_role_.set(point);
  }
  for (const auto& [point, kind_of] : brackets_) {
    if (point < with_role_.size()) with_role_.set(point);
  }
  for (const std::u32string_view signs : {kSeparators, kSticking}) {
    for (const char32_t sign : signs) with_role_.set(sign);
  }
}

Hollows::Role Hollows::find_role(uint32_t point) const {
  const auto found = brackets_.find(point);
  return {found == brackets_.end() ? Kind::kOther : found->second,
          characters_.has(point, kBlank) || contains(kSeparators, point),
          contains(kSticking, point)};
}

size_t Hollows::close(char* text, size_t start, size_t end, std::span<const size_t> holes,
                      std::span<size_t* const> places) {
  text_ = text;
  start_ = out_ = in_ = start;
  end_ = end;
  places_ = places;
  placed_ = 0;
  for (const size_t hole : holes) {
    if (hole < in_) continue;  // what was dropped reaches beyond it
    copy_to(hole);
    close_one();
  }
  copy_to(end_);
  return out_;
}

// Closes up where the text that is done and the rest meet.
void Hollows::close_one() {
  while (true) {
    const size_t left = back_over_separators(out_);
    const size_t right = over_separators(in_);
    const Sign before = sign_before(left);
    const Sign after = sign_at(right);
    const bool quotation = before.kind == Kind::kQuotation || after.kind == Kind::kQuotation;
    const bool opens = before.kind == Kind::kOpening || before.kind == Kind::kQuotation;
    const bool closes = after.kind == Kind::kClosing || after.kind == Kind::kQuotation;
    // If more stands between two quotation marks, it is not known whether they belong together.
    if (opens && closes && (!quotation || (left == out_ && right == in_))) {
      drop_back(left - before.size);
      drop_to(right + after.size);
      if (punctuation_follows()) drop_back(back_over_blanks(out_));
      continue;
    }
    if (before.kind == Kind::kOpening || after.kind == Kind::kClosing) {
      drop_back(left);
      drop_to(right);
      return;
    }
    break;
  }
  if (!punctuation_follows()) return;
  // `a , b` becomes `a, b`, and so does `a, , b`.
  const size_t left = back_over_separators(out_);
  const size_t blanks = back_over_blanks(out_);
  drop_back(left < blanks && over_separators(in_) > in_ ? left : blanks);
  while (in_ < end_ && text_[in_] == ' ') drop_to(in_ + 1);
}

Hollows::Sign Hollows::sign_before(size_t at) const {
  if (at == start_) return {};
  const Character character = decode_before(text_ + start_, text_ + at);
  return {role(character.point).kind, character.size};
}

Hollows::Sign Hollows::sign_at(size_t at) const {
  if (at >= end_) return {};
  const Character character = decode(text_ + at);
  return {role(character.point).kind, character.size};
}

size_t Hollows::back_over_separators(size_t at) const {
  const size_t least = at - start_ > kReach ? at - kReach : start_;
  while (at > least) {
    const Character character = decode_before(text_ + start_, text_ + at);
    if (!role(character.point).skipped) break;
    at -= character.size;
  }
  return at;
}

size_t Hollows::over_separators(size_t at) const {
  const size_t most = std::min(end_, at + kReach);
  while (at < most) {
    const Character character = decode(text_ + at);
    if (!role(character.point).skipped) break;
    at += character.size;
  }
  return at;
}

size_t Hollows::back_over_blanks(size_t at) const {
  while (at > start_ && text_[at - 1] == ' ') --at;
  return at;
}

// Whether the rest begins with a sign that no blank stands before.
bool Hollows::punctuation_follows() const {
  size_t at = in_;
  while (at < end_ && text_[at] == ' ') ++at;
  return at < end_ && role(decode(text_ + at).point).sticks;
}

// Moves the rest up to this place behind the text that is done.
void Hollows::copy_to(size_t place) {
  for (; placed_ < places_.size() && *places_[placed_] <= place; ++placed_) {
    *places_[placed_] = out_ + (*places_[placed_] - in_);
  }
  if (out_ < in_) std::memmove(text_ + out_, text_ + in_, place - in_);
  out_ += place - in_;
  in_ = place;
}

// Drops the end of what is done.
void Hollows::drop_back(size_t out) {
  out_ = out;
  for (size_t i = placed_; i > 0 && *places_[i - 1] > out; --i) *places_[i - 1] = out;
}

// Drops the beginning of the rest.
void Hollows::drop_to(size_t in) {
  for (; placed_ < places_.size() && *places_[placed_] < in; ++placed_) *places_[placed_] = out_;
  in_ = in;
}

}  // namespace leia::corpus::wikitext
