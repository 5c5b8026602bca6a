#include "ops/flash_attention/visible_keys.h"

#include <algorithm>

namespace leia {

std::string bad_document_start(int64_t positions, int64_t element, int32_t value) {
  return text("document_starts[", element / positions, ", ", element % positions, "] is ", value,
              ", expected the start of the document before or ", element % positions);
}

std::string bad_key_length(int64_t least, int64_t keys, int64_t row, int32_t value) {
  return text("key_lengths[", row, "] is ", value, ", expected ", least, " to ", keys);
}

int64_t least_keys(const FlashAttentionForward& op) {
  return op.options.causal ? std::max<int64_t>(op.query.shape[1], 1) : 1;
}

int64_t keys_of_row(const FlashAttentionForward& op, int64_t batch) {
  const int64_t keys = op.key.shape[1];
  if (!op.key_lengths) return keys;
  const int32_t length = op.key_lengths.data<int32_t>()[batch];
  const int64_t least = least_keys(op);
  if (length < least || length > keys) {
    fail("execution", bad_key_length(least, keys, batch, length));
  }
  return length;
}

VisibleKeys::VisibleKeys(const Tensor& document_starts, int64_t batch, int64_t queries,
                         int64_t keys, bool causal)
    : first(static_cast<size_t>(queries), 0),
      last(static_cast<size_t>(queries), static_cast<int32_t>(keys)) {
  if (document_starts) {
    const int32_t* starts = document_starts.data<int32_t>() + batch * queries;
    int32_t end = static_cast<int32_t>(keys);
    for (int64_t i = queries - 1; i >= 0; --i) {
      const auto at = static_cast<size_t>(i);
      const bool begins = starts[i] == i;
      const bool continues = i > 0 && starts[i] == starts[i - 1];
      if (!begins && !continues) {
        fail("execution", bad_document_start(queries, batch * queries + i, starts[i]));
      }
      first[at] = starts[i];
      last[at] = end;
      if (begins) end = static_cast<int32_t>(i);
    }
  }
  if (causal) {
    for (int64_t i = 0; i < queries; ++i) {
      const auto at = static_cast<size_t>(i);
      last[at] = std::min(last[at], static_cast<int32_t>(i + keys - queries + 1));
    }
  }
}

}  // namespace leia
