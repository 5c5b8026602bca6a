#include "ops/rope/rope.h"

#define LEIA_KERNELS "ops/rope/rope_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

namespace {

void check_positions(const Tensor& positions, int64_t rows) {
  if (!positions) return;
  const int32_t* position = positions.data<int32_t>();
  for (int64_t i = 0; i < positions.elements(); ++i) {
    if (position[i] >= 0 && position[i] < rows) continue;
    fail("argument", bad_position(positions, i, position[i], rows));
  }
}

}  // namespace

void execute_cpu(const RopeForward& op, CpuContext& context) {
  check_positions(op.positions, op.cos.shape[0]);
  LEIA_DISPATCH(rope)(op.input, op.cos, op.sin, 1.0f, op.positions, op.output, context);
}

void execute_cpu(const RopeBackward& op, CpuContext& context) {
  check_positions(op.positions, op.cos.shape[0]);
  LEIA_DISPATCH(rope)(op.grad_output, op.cos, op.sin, -1.0f, op.positions, op.grad_input, context);
}

LEIA_CPU_EXECUTION(RopeForward)
LEIA_CPU_EXECUTION(RopeBackward)

}  // namespace leia
