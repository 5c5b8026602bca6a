// Tensors side by side along one dimension:
//
//   output = inputs[0], inputs[1], ... in the order of the list
//
// Its backward is a slice of the output's gradient for each input.
#pragma once

#include <vector>

#include "core/strided_copy.h"

namespace leia {

struct Concatenate {
  static constexpr const char* kName = "concatenate";
  std::vector<Tensor> inputs;  // at least one; any shape but [], any dtype
  int64_t dimension = 0;       // of output; -1 is the innermost
  Tensor output;  // dtype and, but for the dimension, shape of each input; there the sum of sizes

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("inputs", self.inputs, Access::read);
    visit("dimension", self.dimension);
    visit("output", self.output, Access::write);
  }
};

void validate(const Concatenate& operation);

// Calls visit with the copy of each input.
template <class Visit>
void visit_copies(const Concatenate& op, Visit&& visit) {
  int64_t start = 0;
  for (const Tensor& input : op.inputs) {
    visit(copy_to_slice(input, op.output, op.dimension, start));
    start += input.shape[dimension_index(input.shape, op.dimension)];
  }
}

}  // namespace leia
