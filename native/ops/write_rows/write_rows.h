// Rows of a table, overwritten by their number: the counterpart of embedding's forward, for caches
// that are filled a few rows at a time.
//
//   table[rows[r], :] = input[r, :]
//
// A number outside 0..N-1 fails the stream, naming it and its position. Where two are the same,
// either row may be the one that stays.
#pragma once

#include "core/tensor.h"

namespace leia {

struct WriteRows {
  static constexpr const char* kName = "write_rows";
  Tensor rows;   // [...], int32
  Tensor input;  // [..., H], float32 or bfloat16
  Tensor table;  // [N, H], dtype of input; other rows stay as they are

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("rows", self.rows, Access::read);
    visit("input", self.input, Access::read);
    visit("table", self.table, Access::update);
  }
};

// What is said of a number that is no row of the table.
std::string bad_row(const Tensor& rows, int64_t element, int32_t value, int64_t count);

void validate(const WriteRows& operation);

}  // namespace leia
