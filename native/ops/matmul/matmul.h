// Matrix product with float32 sums:
//
//   output[m, n] = sum_k A[m, k] * B[k, n]  (+ output[m, n] if accumulate)
//
// A is `a` or its transpose, B is `b` or its transpose. Leading dimensions of a and b are taken
// together as rows. The order of each sum depends on k alone, so the bits do not depend on the
// number of threads. A linear layer y = x W^T with W [out, in] (as Hugging Face stores it) is {x,
// W, transpose_b}; its gradients are dx = {dy, W} and dW += {dy, x, transpose_a, accumulate}.
#pragma once

#include "core/tensor.h"

namespace leia {

struct Matmul {
  static constexpr const char* kName = "matmul";
  Tensor a;       // [..., K], or [..., M] with transpose_a; float32 or bfloat16
  Tensor b;       // [K, N], or [N, K] with transpose_b; dtype of a
  Tensor output;  // [..., N] with M rows; float32, or bfloat16 for bfloat16 operands
  bool transpose_a = false;
  bool transpose_b = false;
  bool accumulate = false;

  int64_t m() const { return transpose_a ? a.shape[-1] : a.rows(); }
  int64_t k() const { return transpose_a ? a.rows() : a.shape[-1]; }
  int64_t n() const { return transpose_b ? b.rows() : b.shape[-1]; }

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("a", self.a, Access::read);
    visit("b", self.b, Access::read);
    visit("output", self.output, self.accumulate ? Access::update : Access::write);
    visit("transpose_a", self.transpose_a);
    visit("transpose_b", self.transpose_b);
    visit("accumulate", self.accumulate);
  }
};

void validate(const Matmul& operation);

}  // namespace leia
