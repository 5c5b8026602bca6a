// The dimensions in another order (transposition is the exchange of two):
//
//   output[j_0, j_1, ...] = input[i_0, i_1, ...]  with  i_order[d] = j_d
//
// Numbers are copied, since tensors are contiguous. Its backward is itself with the inverse order.
#pragma once

#include <vector>

#include "core/strided_copy.h"

namespace leia {

struct Permute {
  static constexpr const char* kName = "permute";
  Tensor input;                // any shape, any dtype
  std::vector<int64_t> order;  // each dimension of input once, in the output's order
  Tensor output;               // dtype of input; its dimension d is input's order[d]

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("order", self.order);
    visit("output", self.output, Access::write);
  }
};

void validate(const Permute& operation);
StridedCopy copy_of(const Permute& operation);

}  // namespace leia
