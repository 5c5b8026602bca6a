#include "core/broadcast.h"
#include "cuda/context.cuh"
#include "ops/where/where.h"

namespace leia {

namespace {

// Values, or without them a number.
template <class T>
struct Choice {
  Global<const T> values;
  T number;
  bool is_given;

  LEIA_DEVICE T at(int64_t i) const { return is_given ? values.load(i) : number; }
};

template <class T>
Choice<T> choice_of(const Tensor& tensor, double number) {
  const auto values = tensor ? input<T>(tensor) : Global<const T>(nullptr, 0);
  return {values, number_as_value<T>(number), static_cast<bool>(tensor)};
}

template <class T>
__global__ void where(Global<const int32_t> condition, Choice<T> a, Choice<T> b, Global<T> output,
                      Loops<3> loops, int64_t count) {
  const int64_t i = first_element(1);
  if (i >= count) return;
  int64_t at[3] = {};
  loops.add_offsets(i, at);
  output.store(i, condition.load(at[0]) != 0 ? a.at(at[1]) : b.at(at[2]));
}

}  // namespace

void execute_cuda(const Where& op, CudaContext& context) {
  const int64_t count = op.output.elements();
  if (count == 0) return;
  dispatch_number(op.output.dtype, [&](auto type) {
    using T = decltype(type);
    launch(op.kName, where<T>, over_elements(count, 1), context.stream,
           input<int32_t>(op.condition), choice_of<T>(op.a, op.a_number),
           choice_of<T>(op.b, op.b_number), output<T>(op.output),
           loops_over(op.output.shape, {op.condition.shape, op.a.shape, op.b.shape}), count);
  });
}

LEIA_CUDA_EXECUTION(Where)

}  // namespace leia
