#include "cuda/matmul_plans.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace leia {

namespace {

// What NVIDIA recommends for compute capability 9.0 (cuBLAS documentation, "Workspace").
constexpr size_t kWorkspaceBytes = size_t{32} << 20;

uint32_t alignment_of(const void* data) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  if (address == 0) return 256;
  return static_cast<uint32_t>(std::min<uintptr_t>(256, address & (~address + 1)));
}

void check(const cublaslt::Library& library, cublaslt::Status status, const char* call) {
  if (status == cublaslt::kSuccess) return;
  fail("execution", text("cuBLASLt ", library.get_version(), ": ", call, ": ",
                         library.get_status_string(status)));
}

cublaslt::DataType data_type(DType dtype) {
  return dtype == DType::bfloat16 ? cublaslt::kBfloat16 : cublaslt::kFloat32;
}

}  // namespace

MatmulPlans::~MatmulPlans() {
  for (const auto& [key, plan] : plans_) {
    if (plan) destroy(*plan);
  }
  if (handle_ != nullptr) library_->destroy(handle_);
  if (workspace_ != nullptr) allocator_.release(workspace_);
}

void MatmulPlans::destroy(const Plan& plan) {
  library_->matmul_description_destroy(plan.description);
  for (const cublaslt::Layout layout : {plan.a, plan.b, plan.output}) {
    library_->matrix_layout_destroy(layout);
  }
}

void MatmulPlans::set_bias(const Plan& plan, const void* bias) {
  check(*library_,
        library_->matmul_description_set_attribute(plan.description, cublaslt::kBiasPointer, &bias,
                                                   sizeof(bias)),
        "cublasLtMatmulDescSetAttribute");
}

// The handle last: where there was no room for the workspace, the next product asks again.
void MatmulPlans::open() {
  library_ = &cublaslt::library();
  if (workspace_ == nullptr) workspace_ = allocator_.allocate(kWorkspaceBytes);
  if (workspace_ == nullptr) {
    fail("execution", text("out of device memory: asked for ", kWorkspaceBytes,
                           " bytes of workspace for matrix products"));
  }
  check(*library_, library_->create(&handle_), "cublasLtCreate");
}

// cuBLASLt thinks in columns. A row-major matrix is the transpose of the column-major one in the
// same memory, so it is asked for output^T = B^T A^T: the operands change places, nothing is
// copied.
std::optional<MatmulPlans::Plan> MatmulPlans::make_plan(const MatmulProblem& problem,
                                                        const Alignments& alignments,
                                                        const void* bias) {
  const auto layout = [&](DType dtype, int64_t rows, int64_t columns, int64_t stride) {
    cublaslt::Layout result;
    check(*library_,
          library_->matrix_layout_create(&result, data_type(dtype), static_cast<uint64_t>(columns),
                                         static_cast<uint64_t>(rows), columns),
          "cublasLtMatrixLayoutCreate");
    if (problem.batch > 1) {
      const auto set = [&](cublaslt::LayoutAttribute attribute, auto value) {
        check(*library_,
              library_->matrix_layout_set_attribute(result, attribute, &value, sizeof(value)),
              "cublasLtMatrixLayoutSetAttribute");
      };
      set(cublaslt::kBatchCount, static_cast<int32_t>(problem.batch));
      set(cublaslt::kBatchStride, stride);
    }
    return result;
  };
  Plan plan;
  check(*library_,
        library_->matmul_description_create(&plan.description, cublaslt::kComputeFloat32,
                                            cublaslt::kFloat32),
        "cublasLtMatmulDescCreate");
  const auto describe = [&](cublaslt::DescriptionAttribute attribute, int32_t value) {
    check(*library_,
          library_->matmul_description_set_attribute(plan.description, attribute, &value,
                                                     sizeof(value)),
          "cublasLtMatmulDescSetAttribute");
  };
  const auto transposition = [](bool transposed) {
    return transposed ? cublaslt::kTransposed : cublaslt::kNormal;
  };
  describe(cublaslt::kTransposeA, transposition(problem.transpose_b));
  describe(cublaslt::kTransposeB, transposition(problem.transpose_a));
  if (problem.has_bias) {
    describe(cublaslt::kEpilogue, cublaslt::kBiasEpilogue);
    // The heuristic reads from the address how it is aligned.
    set_bias(plan, bias);
  }
  const auto [m, n, k] = std::tuple(problem.m, problem.n, problem.k);
  plan.a =
      problem.transpose_a ? layout(problem.dtype, k, m, m * k) : layout(problem.dtype, m, k, m * k);
  plan.b = problem.transpose_b ? layout(problem.dtype, n, k, problem.b_stride)
                               : layout(problem.dtype, k, n, problem.b_stride);
  plan.output = layout(problem.output_dtype, m, n, m * n);

  cublaslt::Preference preference;
  check(*library_, library_->matmul_preference_create(&preference),
        "cublasLtMatmulPreferenceCreate");
  const auto prefer = [&](int attribute, auto value) {
    check(*library_,
          library_->matmul_preference_set_attribute(
              preference, static_cast<cublaslt::PreferenceAttribute>(attribute), &value,
              sizeof(value)),
          "cublasLtMatmulPreferenceSetAttribute");
  };
  prefer(cublaslt::kMaxWorkspaceBytes, uint64_t{kWorkspaceBytes});
  prefer(cublaslt::kReductionSchemes, cublaslt::kOrderedReductions);
  prefer(cublaslt::kMinAlignmentA, alignments.b);
  prefer(cublaslt::kMinAlignmentA + 1, alignments.a);
  prefer(cublaslt::kMinAlignmentA + 2, alignments.output);
  prefer(cublaslt::kMinAlignmentA + 3, alignments.output);
  int found = 0;
  const cublaslt::Status status =
      library_->matmul_get_heuristic(handle_, plan.description, plan.b, plan.a, plan.output,
                                     plan.output, preference, 1, &plan.choice, &found);
  library_->matmul_preference_destroy(preference);
  // The call may succeed without an algorithm, or with one that it says does not fit.
  const cublaslt::Status fits = status != cublaslt::kSuccess ? status
                                : found == 0                 ? cublaslt::kNotSupported
                                                             : plan.choice.state;
  if (problem.has_bias && fits == cublaslt::kNotSupported) {
    destroy(plan);
    return std::nullopt;
  }
  check(*library_, fits, "cublasLtMatmulAlgoGetHeuristic");
  return plan;
}

bool MatmulPlans::run(const MatmulProblem& problem, const void* a, const void* b, const void* bias,
                      void* output, gpu::Stream stream) {
  if (handle_ == nullptr) open();
  const Alignments alignments{alignment_of(a), alignment_of(b), alignment_of(output),
                              alignment_of(bias)};
  const auto key = std::tuple(problem, alignments);
  auto found = plans_.find(key);
  if (found == plans_.end())
    found = plans_.emplace(key, make_plan(problem, alignments, bias)).first;
  if (!found->second) return false;
  const Plan& plan = *found->second;
  if (problem.has_bias) set_bias(plan, bias);
  const float alpha = 1, beta = problem.accumulate ? 1 : 0;
  check(*library_,
        library_->matmul(handle_, plan.description, &alpha, b, plan.b, a, plan.a, &beta, output,
                         plan.output, output, plan.output, &plan.choice.algorithm, workspace_,
                         plan.choice.workspace_bytes, stream),
        "cublasLtMatmul");
  return true;
}

}  // namespace leia
