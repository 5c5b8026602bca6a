// Broadcasting by NumPy's rules: shapes are aligned at their innermost dimension, and a size of 1
// or a missing outer dimension stretches to the other tensor's size. Nothing is copied for it: a
// stretched dimension is one along which a tensor's stride is 0.
#pragma once

#include <cstdint>

#include "core/everywhere.h"
#include "core/tensor.h"

namespace leia {

// The shape that both stretch to. Throws "argument" where there is none.
Shape broadcast_shape(const char* operation, const char* a_name, const Shape& a, const char* b_name,
                      const Shape& b);
// Throws "argument" unless the tensor stretches to the shape, which is that of `whole_name`.
void check_stretches(const char* operation, const char* name, const Tensor& tensor,
                     const char* whole_name, const Shape& whole);

// Nested loops over the elements of a shape, and where each of Count tensors has its element: fewer
// loops than dimensions, for those that all tensors pass through in one line are one. The innermost
// loop is the first.
template <int Count>
struct Loops {
  int rank = 0;  // loops; 1 or more
  int64_t sizes[Shape::kMaxRank] = {};
  int64_t strides[Count][Shape::kMaxRank] = {};

  LEIA_EVERYWHERE int64_t inner() const { return sizes[0]; }
  // Whether a tensor moves along the innermost loop: then by one element at a time.
  LEIA_EVERYWHERE bool varies(int tensor) const { return strides[tensor][0] != 0; }
  int64_t elements() const {
    int64_t product = 1;
    for (int i = 0; i < rank; ++i) product *= sizes[i];
    return product;
  }
  // Adds to at[t] where tensor t has the element of that index, in the order of the loops.
  LEIA_EVERYWHERE void add_offsets(int64_t index, int64_t (&at)[Count]) const {
    // Unrolled, so that a GPU finds all of it in registers and constants.
    LEIA_UNROLL
    for (int i = 0; i < Shape::kMaxRank; ++i) {
      if (i >= rank) break;
      const int64_t rest = i + 1 == rank ? 0 : quotient(index, sizes[i]);
      const int64_t position = index - rest * sizes[i];
      LEIA_UNROLL
      for (int t = 0; t < Count; ++t) at[t] += position * strides[t][i];
      index = rest;
    }
  }

 private:
  // GPUs divide 64-bit numbers slowly.
  LEIA_EVERYWHERE static int64_t quotient(int64_t a, int64_t b) {
    if (((a | b) >> 32) != 0) return a / b;
    return static_cast<uint32_t>(a) / static_cast<uint32_t>(b);
  }
};

// The loops over `whole` of contiguous tensors of these shapes, each of which stretches to it.
template <int Count>
Loops<Count> loops_over(const Shape& whole, const Shape (&shapes)[Count]) {
  Loops<Count> loops;
  int64_t next[Count];  // the stride of a tensor's next dimension
  for (int64_t& stride : next) stride = 1;
  for (int i = 1; i <= whole.rank(); ++i) {
    const int64_t size = whole[-i];
    if (size == 1) continue;
    int64_t strides[Count];
    for (int t = 0; t < Count; ++t) {
      const int64_t own = i <= shapes[t].rank() ? shapes[t][-i] : 1;
      strides[t] = own == 1 ? 0 : next[t];
      next[t] *= own;
    }
    const int last = loops.rank - 1;  // the loop within this dimension
    bool in_line = last >= 0;
    for (int t = 0; t < Count && in_line; ++t) {
      in_line = strides[t] == loops.strides[t][last] * loops.sizes[last];
    }
    if (in_line) {
      loops.sizes[last] *= size;
      continue;
    }
    loops.sizes[loops.rank] = size;
    for (int t = 0; t < Count; ++t) loops.strides[t][loops.rank] = strides[t];
    ++loops.rank;
  }
  if (loops.rank == 0) loops.sizes[loops.rank++] = 1;
  return loops;
}

// Of the loops, those along which the tensor moves, or those along which it does not; with none
// left, one loop of one.
template <int Count>
Loops<Count> loops_where(const Loops<Count>& loops, int tensor, bool moves) {
  Loops<Count> part;
  for (int i = 0; i < loops.rank; ++i) {
    if ((loops.strides[tensor][i] != 0) != moves) continue;
    part.sizes[part.rank] = loops.sizes[i];
    for (int t = 0; t < Count; ++t) part.strides[t][part.rank] = loops.strides[t][i];
    ++part.rank;
  }
  if (part.rank == 0) part.sizes[part.rank++] = 1;
  return part;
}

}  // namespace leia
