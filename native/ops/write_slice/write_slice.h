// A range of one dimension, overwritten or added to; all else of the output stays as it is:
//
//   output[..., start + j, ...]  = input[..., j, ...]
//   output[..., start + j, ...] += input[..., j, ...]   with accumulate, added in float32
//
// The counterpart of slice, and its backward.
#pragma once

#include "core/strided_copy.h"

namespace leia {

struct WriteSlice {
  static constexpr const char* kName = "write_slice";
  Tensor input;           // any shape but [], any dtype; float32 or bfloat16 with accumulate
  int64_t dimension = 0;  // of output; -1 is the innermost
  int64_t start = 0;      // start + input's size in the dimension is at most output's
  bool accumulate = false;
  Tensor output;  // dtype and, but for the dimension, shape of input

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("dimension", self.dimension);
    visit("start", self.start);
    visit("accumulate", self.accumulate);
    visit("output", self.output, Access::update);
  }
};

void validate(const WriteSlice& operation);
StridedCopy copy_of(const WriteSlice& operation);

}  // namespace leia
