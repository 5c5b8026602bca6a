#include "cuda/context.cuh"
#include "ops/cast/cast.h"

namespace leia {

namespace {

// Between float dtypes.
template <class From, class To, int Width>
__global__ void cast(Global<const From> input, Global<To> output, int64_t count) {
  const int64_t i = first_element(Width);
  if (i >= count) return;
  float values[Width];
  load_floats(values, input, i, count);
  store_floats(output, i, count, values);
}

template <class From, class To>
void cast_floats(const Cast& op, CudaContext& context) {
  const int64_t count = op.input.elements();
  // Four elements: 16 bytes of float32, 8 of the others.
  constexpr int kWidth = kPack<float>;
  const auto run = [&](auto width) {
    launch(op.kName, cast<From, To, width>, over_elements(count, width), context.stream,
           input<From>(op.input), output<To>(op.output), count);
  };
  if (aligned(op.input, op.output)) {
    run(std::integral_constant<int, kWidth>{});
  } else {
    run(std::integral_constant<int, 1>{});
  }
}

// A float as float32, a whole number as it is.
template <class T>
LEIA_DEVICE auto exact(T value) {
  if constexpr (std::is_integral_v<T>) {
    return value;
  } else {
    return as_float(value);
  }
}

// From or to whole numbers.
template <class From, class To>
__global__ void cast_numbers(Global<const From> input, Global<To> output, int64_t count,
                             Global<uint64_t> error_word) {
  const int64_t i = first_element(1);
  if (i >= count) return;
  const auto number = exact(input.load(i));
  if constexpr (!std::is_integral_v<To>) {
    output.store(i, rounded<To>(static_cast<float>(number)));
  } else if (holds_number<To>(number)) {
    output.store(i, static_cast<To>(number));
  } else if constexpr (std::is_same_v<From, int32_t>) {
    report_bad_input(error_word, i, number);
  } else if constexpr (std::is_same_v<From, int64_t>) {
    report_bad_input(error_word, i, 0);
  } else {
    report_bad_input(error_word, i, static_cast<int32_t>(bits_of(number)));
  }
}

template <class From, class To>
void cast_between(const Cast& op, CudaContext& context) {
  if constexpr (std::is_same_v<From, To>) {
    // A copy, which is not made here.
  } else if constexpr (!std::is_integral_v<From> && !std::is_integral_v<To>) {
    cast_floats<From, To>(op, context);
  } else {
    const int64_t count = op.input.elements();
    Global<uint64_t> error_word(nullptr, 0);
    if constexpr (kMayNotHold<To, From>) {
      error_word = context.error_word(
          [op](int64_t element, int32_t bits) { return bad_number(op, element, bits); });
    }
    launch(op.kName, cast_numbers<From, To>, over_elements(count, 1), context.stream,
           input<From>(op.input), output<To>(op.output), count, error_word);
  }
}

}  // namespace

void execute_cuda(const Cast& op, CudaContext& context) {
  if (op.input.dtype == op.output.dtype) {
    // The runtime's copy is as fast as the memory, and takes tensors that begin anywhere.
    if (op.input.bytes() == 0) return;
    gpu::copy(op.output.data<std::byte>(), op.input.data<std::byte>(), op.input.bytes(),
              context.execution.stream);
    return;
  }
  dispatch_any(op.input.dtype, [&](auto from) {
    dispatch_any(op.output.dtype,
                 [&](auto to) { cast_between<decltype(from), decltype(to)>(op, context); });
  });
}

LEIA_CUDA_EXECUTION(Cast)

}  // namespace leia
