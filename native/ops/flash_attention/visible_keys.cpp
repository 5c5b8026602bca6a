#include "ops/flash_attention/visible_keys.h"

#include <algorithm>

namespace leia {

namespace {

int64_t keys_of_row(const Tensor& key_lengths, int64_t batch, const KeyLengths& lengths) {
  if (!key_lengths) return lengths.most;
  const int32_t length = key_lengths.data<int32_t>()[batch];
  if (!lengths.allow(length)) fail("execution", lengths.refusal(batch, length));
  return length;
}

}  // namespace

Window window_of(const AttentionOptions& options, int64_t queries, int64_t keys) {
  const auto bounded = [&](int64_t size) {
    return static_cast<int32_t>(size < 0 ? queries + keys : std::min(size, queries + keys));
  };
  return {bounded(options.window_size[0]), options.causal ? 0 : bounded(options.window_size[1])};
}

std::string bad_document_start(int64_t positions, int64_t element, int32_t value) {
  return text("document_starts[", element / positions, ", ", element % positions, "] is ", value,
              ", expected the start of the document before or ", element % positions);
}

std::string KeyLengths::refusal(int64_t row, int32_t value) const {
  return text("key_lengths[", row, "] is ", value, ", expected ", least > 1 ? "0 or " : "",
              least > 1 ? least : 0, " to ", most);
}

VisibleKeys::VisibleKeys(const Tensor& document_starts, const Tensor& key_lengths, int64_t batch,
                         int64_t queries, const KeyLengths& lengths, const Window& window)
    : keys(keys_of_row(key_lengths, batch, lengths)),
      first(static_cast<size_t>(queries), 0),
      last(static_cast<size_t>(queries), static_cast<int32_t>(keys)) {
  if (keys == 0) return;
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
  for (int64_t i = 0; i < queries; ++i) {
    const auto at = static_cast<size_t>(i);
    const auto position = static_cast<int32_t>(i + keys - queries);
    first[at] = std::max(first[at], position - window.left);
    last[at] = std::min(last[at], position + window.right + 1);
  }
}

VisibleKeys::Queries VisibleKeys::queries_of(int64_t key, int64_t count) const {
  const auto begin = std::upper_bound(last.begin(), last.end(), key);
  const auto end = std::lower_bound(first.begin(), first.end(), key + count);
  const Queries queries{begin - last.begin(), end - first.begin()};
  return queries.begin < queries.end ? queries : Queries{0, 0};
}

}  // namespace leia
