// Which keys each query of a batch entry sees: an interval whose ends never decrease from query to
// query, so a block of queries meets one range of key blocks, and most of those need no mask.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ops/flash_attention/flash_attention.h"

namespace leia {

// What is wrong with a document start that is neither its own position nor the start before it. The
// starts are [batch, positions], and `element` counts through them.
std::string bad_document_start(int64_t positions, int64_t element, int32_t value);

// What is wrong with the length of a row that is below `least` or above `keys`.
std::string bad_key_length(int64_t least, int64_t keys, int64_t row, int32_t value);

// The fewest keys that a row may have: causal queries are the last of them.
int64_t least_keys(const FlashAttentionForward& operation);

// How many keys the row of a batch has. Throws "execution" when key_lengths says what cannot be.
int64_t keys_of_row(const FlashAttentionForward& operation, int64_t batch);

struct VisibleKeys {
  std::vector<int32_t> first, last;  // per query: keys [first, last)

  // Throws "execution" when document_starts do not describe documents.
  VisibleKeys(const Tensor& document_starts, int64_t batch, int64_t queries, int64_t keys,
              bool causal);
};

}  // namespace leia
