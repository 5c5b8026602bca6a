// Which keys each query of a batch entry sees: an interval whose ends never decrease from query to
// query, so a block of queries meets one range of key blocks, and most of those need no mask.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/everywhere.h"
#include "ops/flash_attention/flash_attention.h"

namespace leia {

// Whether queries have positions among the keys: then they are the last ones.
inline bool has_positions(const AttentionOptions& options) {
  return options.causal || options.window_size[0] >= 0 || options.window_size[1] >= 0;
}

// How far a query at position p sees: keys [p - left, p + right]. Without a bound, so far that it
// is none.
struct Window {
  int32_t left, right;
};
Window window_of(const AttentionOptions& options, int64_t queries, int64_t keys);

// What is wrong with a document start that is neither its own position nor the start before it. The
// starts are [batch, positions], and `element` counts through them.
std::string bad_document_start(int64_t positions, int64_t element, int32_t value);

// How many keys a row may have: none, or from `least` to `most`.
struct KeyLengths {
  int32_t least, most;

  LEIA_EVERYWHERE bool allow(int32_t length) const {
    return length == 0 || (length >= least && length <= most);
  }
  // What is wrong with another length.
  std::string refusal(int64_t row, int32_t value) const;
};

template <class Operation>
KeyLengths lengths_of(const Operation& op) {
  const int64_t queries = op.query.shape[1], keys = op.key.shape[1];
  const int64_t least = has_positions(op.options) && queries > 0 ? queries : 1;
  return {static_cast<int32_t>(least), static_cast<int32_t>(keys)};
}

struct VisibleKeys {
  int64_t keys;                      // how many of them the row has
  std::vector<int32_t> first, last;  // per query: keys [first, last)

  // Throws "execution" when document_starts do not describe documents, or key_lengths says what
  // cannot be.
  template <class Operation>
  VisibleKeys(const Operation& op, int64_t batch)
      : VisibleKeys(op.document_starts, op.key_lengths, batch, op.query.shape[1], lengths_of(op),
                    window_of(op.options, op.query.shape[1], op.key.shape[1])) {}

  // The queries [begin, end) that see any of the keys [key, key + count); [0, 0) if none does.
  struct Queries {
    int64_t begin, end;
  };
  Queries queries_of(int64_t key, int64_t count) const;

 private:
  VisibleKeys(const Tensor& document_starts, const Tensor& key_lengths, int64_t batch,
              int64_t queries, const KeyLengths& lengths, const Window& window);
};

}  // namespace leia
