#include "ops/cross_entropy/cross_entropy.h"

#include <cmath>

#define LEIA_KERNELS "ops/cross_entropy/cross_entropy_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

namespace {

void check_labels(const Tensor& labels, int64_t vocabulary) {
  const int32_t* label = labels.data<int32_t>();
  for (int64_t i = 0; i < labels.elements(); ++i) {
    if ((label[i] >= 0 && label[i] < vocabulary) || label[i] == kIgnoredLabel) continue;
    fail("argument", bad_label(labels, i, label[i], vocabulary));
  }
}

}  // namespace

void execute_cpu(const CrossEntropyForward& op, CpuContext& context) {
  check_labels(op.labels, op.vocabulary);
  LEIA_DISPATCH(cross_entropy_forward)(op, context);
}

void execute_cpu(const CrossEntropyBackward& op, CpuContext& context) {
  check_labels(op.labels, op.vocabulary);
  LEIA_DISPATCH(cross_entropy_backward)(op, context);
}

void execute_cpu(const CrossEntropy& op, CpuContext& context) {
  check_labels(op.labels, op.vocabulary);
  LEIA_DISPATCH(cross_entropy)(op, context);
}

LEIA_CPU_EXECUTION(CrossEntropyForward)
LEIA_CPU_EXECUTION(CrossEntropyBackward)
LEIA_CPU_EXECUTION(CrossEntropy)

}  // namespace leia
