// Matrix products by cuBLASLt: the plan for each shape (layouts, algorithm, workspace) is made once
// and kept.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>

#include "core/dtype.h"
#include "cuda/caching_allocator.h"
#include "cuda/cublaslt.h"

namespace leia {

// output[m, n] = sum_k A[m, k] B[k, n] (+ bias[n]) (+ output), row-major; A is `a` or its
// transpose, B is `b` or its transpose. So `batch` times: a and output come one behind the other, b
// at a stride in elements, which is 0 where all have the same. The bias has the output's dtype, as
// cuBLASLt wants it, and is the same for all.
struct MatmulProblem {
  int64_t m, n, k;
  bool transpose_a, transpose_b, accumulate;
  DType dtype, output_dtype;
  int64_t batch, b_stride;
  bool has_bias;
  auto operator<=>(const MatmulProblem&) const = default;
};

class MatmulPlans {
 public:
  explicit MatmulPlans(CachingAllocator& allocator) : allocator_(allocator) {}
  ~MatmulPlans();
  MatmulPlans(const MatmulPlans&) = delete;
  MatmulPlans& operator=(const MatmulPlans&) = delete;

  // Queues the product. False if cuBLASLt has none with this bias: nothing was queued then. Throws
  // "unavailable" without cuBLASLt, "execution" for what it says.
  bool run(const MatmulProblem& problem, const void* a, const void* b, const void* bias,
           void* output, gpu::Stream stream);

 private:
  // Least powers of two that the addresses are multiples of, at most 256.
  struct Alignments {
    uint32_t a, b, output, bias;
    auto operator<=>(const Alignments&) const = default;
  };
  struct Plan {
    cublaslt::Description description;
    cublaslt::Layout a, b, output;
    cublaslt::HeuristicResult choice;
  };
  // Nothing if cuBLASLt has no product with a bias for this.
  std::optional<Plan> make_plan(const MatmulProblem& problem, const Alignments& alignments,
                                const void* bias);
  void set_bias(const Plan& plan, const void* bias);
  void destroy(const Plan& plan);
  void open();

  CachingAllocator& allocator_;
  const cublaslt::Library* library_ = nullptr;  // opened at the first product
  cublaslt::Handle handle_ = nullptr;
  void* workspace_ = nullptr;
  std::map<std::tuple<MatmulProblem, Alignments>, std::optional<Plan>> plans_;
};

}  // namespace leia
