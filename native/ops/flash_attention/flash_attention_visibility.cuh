// Which keys a query sees and which queries see a key, on the device: what visible_keys.h is to the
// CPU's kernels, without a pass over the documents.
#pragma once

#include "ops/flash_attention/flash_attention_products.cuh"
#include "ops/flash_attention/visible_keys.h"

namespace leia {

LEIA_DEVICE int32_t smaller(int32_t a, int32_t b) {
  return a < b ? a : b;
}

LEIA_DEVICE int32_t larger(int32_t a, int32_t b) {
  return a > b ? a : b;
}

// Positions [first, last).
struct Span {
  int32_t first, last;
};

// Both kinds are intervals whose ends never decrease from one position to the next. Document starts
// or key lengths that make no sense give intervals that make none, but within bounds.
struct Visibility {
  Global<const int32_t> document_starts;  // [batch, queries] if packed
  Global<const int32_t> key_lengths;      // [batch] if partial: how many of the keys each row has
  int32_t queries, keys;
  Window window;
  bool packed, partial;
  Global<const uint64_t> error_word;  // says where starts or lengths were found to be wrong

  // How many of the keys a row of the batch has.
  LEIA_DEVICE int32_t key_count(int64_t batch) const {
    return partial ? larger(0, smaller(keys, key_lengths.load(batch))) : keys;
  }

  LEIA_DEVICE Span keys_of(int64_t batch, int32_t query) const {
    const int32_t count = key_count(batch), position = query + count - queries;
    Span span{0, count};
    if (packed) {
      span.first = start_of(batch, query);
      if (window.right > 0) span.last = end_of(batch, query);
    }
    span.first = larger(span.first, position - window.left);
    span.last = smaller(span.last, position + window.right + 1);
    return span;
  }

  // Of one of the keys that the row has.
  LEIA_DEVICE Span queries_of(int64_t batch, int32_t key) const {
    const int32_t query = key - (key_count(batch) - queries);
    Span span{0, queries};
    if (packed) {
      span.first = start_of(batch, key);
      span.last = end_of(batch, key);
    }
    span.first = larger(span.first, query - window.right);
    span.last = smaller(span.last, query + window.left + 1);
    return span;
  }

  // Whether starts or lengths were found to be wrong: then nothing follows from them.
  LEIA_DEVICE bool is_broken() const {
    return (packed || partial) && error_word.load(0) != ~uint64_t{0};
  }

  // The first and last of the blocks of `size` keys of which any query of [query, query + count)
  // sees one: all between are seen as well.
  LEIA_DEVICE Span key_blocks_of(int64_t batch, int32_t query, int32_t count, int32_t size) const {
    const int32_t last = smaller(query + count, queries) - 1;
    return {keys_of(batch, query).first / size, (keys_of(batch, last).last - 1) / size};
  }

 private:
  LEIA_DEVICE int32_t start_of(int64_t batch, int32_t position) const {
    return larger(0, smaller(keys, document_starts.load(batch * queries + position)));
  }

  // The first position behind `position` with another start, found by bisection.
  LEIA_DEVICE int32_t end_of(int64_t batch, int32_t position) const {
    const int64_t row = batch * queries;
    const int32_t start = document_starts.load(row + position);
    int32_t low = position + 1, high = queries;
    while (low < high) {
      const int32_t middle = low + (high - low) / 2;
      if (document_starts.load(row + middle) > start) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
};

// The spans of a block's own positions, in shared memory: what queries see or keys are seen by.
// Positions beyond the end have that of the last.
template <int Rows>
class Spans {
 public:
  static constexpr size_t kBytes = Rows * sizeof(Span);

  LEIA_DEVICE explicit Spans(size_t byte_offset) : spans_(byte_offset, Rows) {}

  LEIA_DEVICE void store(int row, Span span) const { spans_.store(row, span); }
  LEIA_DEVICE Span of(int row) const { return spans_.load(row); }
  // Columns that any row sees.
  LEIA_DEVICE Span any() const { return {of(0).first, of(Rows - 1).last}; }
  // Columns that every row sees.
  LEIA_DEVICE Span all() const { return {of(Rows - 1).first, of(0).last}; }

  // Hides the scores of columns that a row does not see: rows from `row` of the block's own on,
  // columns from position `column` on.
  template <int M, int N>
  LEIA_DEVICE void mask(Sums<M, N>& scores, int row, int32_t column) const {
    const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
    for (int m = 0; m < M; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const Span span = of(row + 16 * m + 8 * half + g);
#pragma unroll
        for (int n = 0; n < N; ++n) {
#pragma unroll
          for (int i = 0; i < 2; ++i) {
            const int32_t at = column + 8 * n + 2 * t + i;
            if (at < span.first || at >= span.last) {
              scores[m][n][2 * half + i] = -__builtin_inff();
            }
          }
        }
      }
    }
  }

  // The same where the block's own positions are the columns, from `column` on, and rows are those
  // from position `row` on.
  template <int M, int N>
  LEIA_DEVICE void mask_columns(Sums<M, N>& scores, int32_t row, int column) const {
    const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
    for (int n = 0; n < N; ++n) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const Span span = of(column + 8 * n + 2 * t + i);
#pragma unroll
        for (int m = 0; m < M; ++m) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            const int32_t at = row + 16 * m + 8 * half + g;
            if (at < span.first || at >= span.last) {
              scores[m][n][2 * half + i] = -__builtin_inff();
            }
          }
        }
      }
    }
  }

 private:
  Shared<Span> spans_;
};

}  // namespace leia
