// Byte-pair encoding as LLaMA's tokenizer has it (SentencePiece's BPE with byte fallback; the BPE
// model of Hugging Face's tokenizers without a pre-tokeniser). A text is one word. Its characters
// are merged pair by pair: the pair of the lowest rank first, and of equal ones the first in the
// text.
//
// No token spans two neighbouring characters that no merge ever joins, whatever stands around them.
// So a text is first cut between such characters, and the tokens of short pieces are remembered.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/pair_table.h"

namespace leia::tokenizer {

struct Token {
  int32_t first;  // code points
  int32_t last;
  int32_t length;  // in code points; 0 for the tokens of bytes and those never made of text
};

struct Merge {
  int32_t left, right, merged;  // ids
};

// Token i has id ids[i] and covers the code points [starts[i], ends[i]) of the text.
struct Encoding {
  std::vector<int32_t> ids, starts, ends;
};

class Bpe {
 public:
  static constexpr size_t kBytes = 256;

  // `tokens` by id, `merges` by rank, `bytes` the id of each byte.
  Bpe(std::span<const Token> tokens, std::span<const Merge> merges, std::span<const int32_t> bytes);

  // The tokens of a text, with "▁" before it and in place of every space. They are valid until the
  // next text.
  const Encoding& encode(std::u16string_view text);

 private:
  // A symbol of a piece. Merging makes fewer of them.
  struct Symbol {
    int32_t id;
    int32_t start, end;      // code points of the piece
    int32_t previous, next;  // places of symbols, -1 for none
  };
  struct Rank {
    uint32_t rank;
    int32_t merged;
  };
  struct Candidate {
    uint32_t rank;
    int32_t place;  // of the left one
    int32_t merged;
    bool operator<(const Candidate& other) const {  // the heap's top is its largest
      return rank != other.rank ? rank > other.rank : place > other.place;
    }
  };

  static constexpr size_t kMostUnits = 24;
  static constexpr size_t kMostTokens = 16;
  static constexpr int kRememberedBits = 15;
  struct Remembered {
    uint8_t units = 0;  // 0: nothing is remembered
    uint8_t tokens = 0;
    std::array<uint8_t, kMostTokens> starts, ends;
    std::array<char16_t, kMostUnits> piece;
    std::array<int32_t, kMostTokens> ids;
  };

  bool joins(char32_t left, char32_t right) const { return joined_.find(left, right) != nullptr; }
  int32_t id_of(char32_t character) const;
  void add_piece(std::u16string_view piece, uint64_t hash, int32_t start);
  void merge(std::u16string_view piece);
  void add_symbol(int32_t id, int32_t start);
  void consider(int32_t place);
  void remember(std::u16string_view piece, Remembered& place) const;

  PairTable<Rank> ranks_;
  PairTable<bool> joined_;
  std::vector<int32_t> characters_;  // ids of the characters of the basic plane, -1 for none
  std::unordered_map<char32_t, int32_t> further_characters_;
  std::array<int32_t, kBytes> bytes_;

  std::vector<char16_t> units_;
  std::vector<Symbol> symbols_;
  std::vector<Candidate> candidates_;
  std::vector<Remembered> remembered_;
  Encoding encoding_;
};

}  // namespace leia::tokenizer
