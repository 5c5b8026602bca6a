// A range of one dimension, as a tensor of its own:
//
//   output[..., j, ...] = input[..., start + j, ...]
//
// Its backward is write_slice of the output's gradient into that of the input. Of the outermost
// dimension a slice is contiguous and needs no copy: a tensor's view does.
#pragma once

#include "core/strided_copy.h"

namespace leia {

struct Slice {
  static constexpr const char* kName = "slice";
  Tensor input;           // any shape but [], any dtype
  int64_t dimension = 0;  // of input; -1 is the innermost
  int64_t start = 0;      // start + output's size in the dimension is at most input's
  Tensor output;          // dtype and, but for the dimension, shape of input

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("dimension", self.dimension);
    visit("start", self.start);
    visit("output", self.output, Access::write);
  }
};

void validate(const Slice& operation);

}  // namespace leia
