#include "core/broadcast.h"
#include "cuda/context.cuh"
#include "ops/compare/compare.h"

namespace leia {

namespace {

LEIA_DEVICE float value_of(float value) {
  return value;
}
LEIA_DEVICE float value_of(bfloat16 value) {
  return as_float(value);
}
LEIA_DEVICE double value_of(int32_t value) {
  return value;
}

// Without values, an operand is the number.
template <Comparison Kind, class T, class Value>
__global__ void compare(Global<const T> a, Global<const T> b, Value number, bool has_a, bool has_b,
                        Global<int32_t> output, Loops<2> loops, int64_t count) {
  const int64_t i = first_element(1);
  if (i >= count) return;
  int64_t at[2] = {};
  loops.add_offsets(i, at);
  const Value x = has_a ? value_of(a.load(at[0])) : number;
  const Value y = has_b ? value_of(b.load(at[1])) : number;
  output.store(i, holds<Kind>(x, y) ? 1 : 0);
}

template <Comparison Kind, class T>
void compare_as(const Compare<Kind>& op, CudaContext& context) {
  const int64_t count = op.output.elements();
  if (count == 0) return;
  const auto values = [](const Tensor& tensor) {
    return tensor ? input<T>(tensor) : Global<const T>(nullptr, 0);
  };
  const auto number = number_as<T>(op.number);
  launch(op.kName, compare<Kind, T, std::remove_const_t<decltype(number)>>, over_elements(count, 1),
         context.stream, values(op.a), values(op.b), number, static_cast<bool>(op.a),
         static_cast<bool>(op.b), output<int32_t>(op.output),
         loops_over(op.output.shape, {op.a.shape, op.b.shape}), count);
}

}  // namespace

template <Comparison Kind>
void execute_cuda(const Compare<Kind>& op, CudaContext& context) {
  const DType dtype = (op.a ? op.a : op.b).dtype;
  dispatch_number(dtype, [&](auto type) { compare_as<Kind, decltype(type)>(op, context); });
}

LEIA_CUDA_EXECUTION(Equal)
LEIA_CUDA_EXECUTION(NotEqual)
LEIA_CUDA_EXECUTION(Less)
LEIA_CUDA_EXECUTION(LessEqual)
LEIA_CUDA_EXECUTION(Greater)
LEIA_CUDA_EXECUTION(GreaterEqual)

}  // namespace leia
