#include "tokenizer/bpe.h"

#include <algorithm>

#include "core/error.h"

namespace leia::tokenizer {

namespace {

constexpr size_t kBasicPlane = 0x10000;
constexpr char32_t kReplacement = 0xfffd;
constexpr char16_t kSpace = u'▁';

struct Character {
  char32_t point;
  size_t units;
};

// The character at `at`. Half of a surrogate pair is no character: U+FFFD takes its place, as in
// UTF-8.
Character character_at(const char16_t* at, const char16_t* end) {
  const char32_t unit = *at;
  if ((unit & 0xf800) != 0xd800) return {unit, 1};
  const bool is_pair = unit < 0xdc00 && end - at > 1 && (at[1] & 0xfc00) == 0xdc00;
  if (!is_pair) return {kReplacement, 1};
  return {0x10000 + ((unit & 0x3ff) << 10 | (at[1] & 0x3ffu)), 2};
}

// The bytes of a character in UTF-8.
struct Utf8 {
  std::array<uint8_t, 4> bytes;
  size_t size;
};

Utf8 to_utf8(char32_t point) {
  const auto part = [point](int shift) {
    return static_cast<uint8_t>(0x80 | (point >> shift & 0x3f));
  };
  const auto lead = [point](int mark, int shift) {
    return static_cast<uint8_t>(mark | static_cast<int>(point >> shift));
  };
  if (point < 0x80) return {{static_cast<uint8_t>(point)}, 1};
  if (point < 0x800) return {{lead(0xc0, 6), part(0)}, 2};
  if (point < 0x10000) return {{lead(0xe0, 12), part(6), part(0)}, 3};
  return {{lead(0xf0, 18), part(12), part(6), part(0)}, 4};
}

}  // namespace

Bpe::Bpe(std::span<const Token> tokens, std::span<const Merge> merges,
         std::span<const int32_t> bytes)
    : ranks_(merges.size()),
      joined_(merges.size()),
      characters_(kBasicPlane, -1),
      remembered_(size_t{1} << kRememberedBits) {
  const auto known = [&](int32_t id) { return 0 <= id && static_cast<size_t>(id) < tokens.size(); };
  require(bytes.size() == kBytes, "bpe: expected the tokens of 256 bytes, got ", bytes.size());
  for (size_t byte = 0; byte < kBytes; ++byte) {
    require(known(bytes[byte]), "bpe: the token of byte ", byte, " is ", bytes[byte]);
    bytes_[byte] = bytes[byte];
  }
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].length != 1) continue;
    const auto character = static_cast<char32_t>(tokens[id].first);
    if (character < kBasicPlane) {
      characters_[character] = static_cast<int32_t>(id);
    } else {
      further_characters_[character] = static_cast<int32_t>(id);
    }
  }
  uint32_t rank = 0;
  for (const auto& [left, right, merged] : merges) {
    require(known(left) && known(right) && known(merged), "bpe: merge ", rank, " is of no tokens");
    ranks_.set(static_cast<uint32_t>(left), static_cast<uint32_t>(right), {rank++, merged});
    joined_.set(static_cast<uint32_t>(tokens[static_cast<size_t>(left)].last),
                static_cast<uint32_t>(tokens[static_cast<size_t>(right)].first), true);
  }
}

int32_t Bpe::id_of(char32_t character) const {
  if (character < kBasicPlane) return characters_[character];
  const auto found = further_characters_.find(character);
  return found == further_characters_.end() ? -1 : found->second;
}

const Encoding& Bpe::encode(std::u16string_view text) {
  encoding_.ids.clear();
  encoding_.starts.clear();
  encoding_.ends.clear();
  if (text.empty()) return encoding_;
  units_.resize(text.size() + 1);
  units_[0] = kSpace;
  std::replace_copy(text.begin(), text.end(), units_.begin() + 1, u' ', kSpace);

  const char16_t* const end = units_.data() + units_.size();
  // The "▁" before the text is not one of its characters.
  int32_t position = -1;
  Character character = character_at(units_.data(), end);
  for (const char16_t* at = units_.data(); at < end;) {
    const char16_t* const start = at;
    const int32_t first = position;
    uint64_t hash = 0;
    char32_t left;
    do {
      left = character.point;
      hash = (hash ^ left) * 0x9e3779b97f4a7c15u;
      hash ^= hash >> 29;
      at += character.units;
      ++position;
      if (at == end) break;
      character = character_at(at, end);
    } while (joins(left, character.point));
    add_piece({start, at}, hash, first);
  }
  // The token with that "▁" covers the first character, even if the token has nothing else.
  for (size_t i = 0; i < encoding_.starts.size() && encoding_.starts[i] < 0; ++i) {
    encoding_.starts[i] = 0;
    encoding_.ends[i] = std::max(1, encoding_.ends[i]);
  }
  return encoding_;
}

void Bpe::add_piece(std::u16string_view piece, uint64_t hash, int32_t start) {
  auto& [ids, starts, ends] = encoding_;
  Remembered& place = remembered_[hash >> (64 - kRememberedBits)];
  if (std::u16string_view(place.piece.data(), place.units) == piece) {
    for (size_t i = 0; i < place.tokens; ++i) {
      ids.push_back(place.ids[i]);
      starts.push_back(start + place.starts[i]);
      ends.push_back(start + place.ends[i]);
    }
    return;
  }
  merge(piece);
  for (int32_t at = 0; at >= 0; at = symbols_[static_cast<size_t>(at)].next) {
    const Symbol& symbol = symbols_[static_cast<size_t>(at)];
    ids.push_back(symbol.id);
    starts.push_back(start + symbol.start);
    ends.push_back(start + symbol.end);
  }
  if (piece.size() <= kMostUnits) remember(piece, place);
}

void Bpe::remember(std::u16string_view piece, Remembered& place) const {
  size_t count = 0;
  place.units = 0;
  for (int32_t at = 0; at >= 0; at = symbols_[static_cast<size_t>(at)].next) {
    if (count == kMostTokens) return;
    const Symbol& symbol = symbols_[static_cast<size_t>(at)];
    place.ids[count] = symbol.id;
    place.starts[count] = static_cast<uint8_t>(symbol.start);
    place.ends[count] = static_cast<uint8_t>(symbol.end);
    ++count;
  }
  std::copy(piece.begin(), piece.end(), place.piece.begin());
  place.units = static_cast<uint8_t>(piece.size());
  place.tokens = static_cast<uint8_t>(count);
}

// The symbols of a piece: its characters, or their bytes, merged as far as they can be.
void Bpe::merge(std::u16string_view piece) {
  symbols_.clear();
  int32_t position = 0;
  const char16_t* const end = piece.data() + piece.size();
  for (const char16_t* at = piece.data(); at < end; ++position) {
    const Character character = character_at(at, end);
    at += character.units;
    if (const int32_t id = id_of(character.point); id >= 0) {
      add_symbol(id, position);
      continue;
    }
    const Utf8 utf8 = to_utf8(character.point);
    for (size_t i = 0; i < utf8.size; ++i) add_symbol(bytes_[utf8.bytes[i]], position);
  }
  symbols_.back().next = -1;

  candidates_.clear();
  for (int32_t place = 0; place >= 0; place = symbols_[static_cast<size_t>(place)].next) {
    consider(place);
  }
  while (!candidates_.empty()) {
    const Candidate best = candidates_.front();
    std::pop_heap(candidates_.begin(), candidates_.end());
    candidates_.pop_back();
    Symbol& left = symbols_[static_cast<size_t>(best.place)];
    if (left.id < 0 || left.next < 0) continue;  // merged into another, or the last meanwhile
    Symbol& right = symbols_[static_cast<size_t>(left.next)];
    const Rank* rank = ranks_.find(static_cast<uint32_t>(left.id), static_cast<uint32_t>(right.id));
    if (rank == nullptr || rank->merged != best.merged) continue;  // it is another pair by now
    left.id = best.merged;
    left.end = right.end;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0) symbols_[static_cast<size_t>(left.next)].previous = best.place;
    if (left.previous >= 0) consider(left.previous);
    consider(best.place);
  }
}

void Bpe::add_symbol(int32_t id, int32_t start) {
  const auto place = static_cast<int32_t>(symbols_.size());
  symbols_.push_back({id, start, start + 1, place - 1, place + 1});
}

// Adds a symbol and the next to the candidates, if they can be merged.
void Bpe::consider(int32_t place) {
  const Symbol& left = symbols_[static_cast<size_t>(place)];
  if (left.next < 0) return;
  const Symbol& right = symbols_[static_cast<size_t>(left.next)];
  const Rank* found = ranks_.find(static_cast<uint32_t>(left.id), static_cast<uint32_t>(right.id));
  if (found == nullptr) return;
  candidates_.push_back({found->rank, place, found->merged});
  std::push_heap(candidates_.begin(), candidates_.end());
}

}  // namespace leia::tokenizer
