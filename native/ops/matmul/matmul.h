// Matrix product with float32 sums:
//
//   output[m, n] = sum_k A[m, k] * B[k, n]  (+ bias[n])  (+ output[m, n] if accumulate)
//
// With K = 0 the sums are 0: output is overwritten by zeros, or stays what it is if accumulate.
// The bias is added in float32 before the output is rounded, by the product itself; where cuBLASLt
// has no product with a bias, to the rounded output, by a kernel after it. Its gradient is
// add_bias_backward's.
// A is `a` or its transpose, B is `b` or its transpose. Leading dimensions of a and b are taken
// together as rows; with `batched` there is a product of its own for each index of them, and a b of
// two dimensions is the same for all. The order of each sum depends on k alone, so the bits do not
// depend on the number of threads. A linear layer y = x W^T with W [out, in] (as Hugging Face
// stores it) is {x, W, transpose_b}; its gradients are dx = {dy, W} and dW += {dy, x, transpose_a,
// accumulate}. Those of a batched product y = a b are da = {dy, b, transpose_b, batched} and db =
// {a, dy, transpose_a, batched}, the latter without `batched` if all have the same b.
#pragma once

#include "core/tensor.h"
#include "ops/binary/binary.h"

namespace leia {

struct Matmul {
  static constexpr const char* kName = "matmul";
  // [..., K], or [..., M] with transpose_a; float32 or bfloat16. [..., M, K] or [..., K, M] with
  // batched.
  Tensor a;
  // [K, N], or [N, K] with transpose_b; dtype of a. With batched it may have leading dimensions,
  // those of a.
  Tensor b;
  // [..., N] with M rows; float32, or bfloat16 for bfloat16 operands. [..., M, N] with batched.
  Tensor output;
  Tensor bias;  // [N], dtype of output
  bool transpose_a = false;
  bool transpose_b = false;
  bool accumulate = false;
  bool batched = false;

  int64_t m() const { return transpose_a ? a.shape[-1] : rows_of(a); }
  int64_t k() const { return transpose_a ? rows_of(a) : a.shape[-1]; }
  int64_t n() const { return transpose_b ? rows_of(b) : b.shape[-1]; }
  // K as b has it.
  int64_t b_k() const { return transpose_b ? b.shape[-1] : rows_of(b); }
  // How many products there are.
  int64_t batch() const {
    int64_t count = 1;
    for (int i = 0; is_split() && i < a.shape.rank() - 2; ++i) count *= a.shape[i];
    return count;
  }
  // How far apart in b the products' are, in elements.
  int64_t b_stride() const { return b.shape.rank() > 2 ? k() * n() : 0; }

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("a", self.a, Access::read);
    visit("b", self.b, Access::read);
    visit("output", self.output, self.accumulate ? Access::update : Access::write);
    visit("bias", self.bias, Access::read, kOptional);
    visit("transpose_a", self.transpose_a);
    visit("transpose_b", self.transpose_b);
    visit("accumulate", self.accumulate);
    visit("batched", self.batched);
  }

 private:
  // Rows of A times the same B are one product, with batched too.
  bool is_split() const { return batched && (transpose_a || b.shape.rank() > 2); }
  // Also of a matrix without columns, whose elements do not say.
  int64_t rows_of(const Tensor& tensor) const {
    if (is_split()) return tensor.shape[-2];
    int64_t rows = 1;
    for (int i = 0; i < tensor.shape.rank() - 1; ++i) rows *= tensor.shape[i];
    return rows;
  }
};

void validate(const Matmul& operation);

// What adds the bias to an output that the product has not added it to.
BinaryArguments bias_addition(const Matmul& operation);

}  // namespace leia
