#include "ops/cast/cast.h"

#include <algorithm>
#include <atomic>
#include <bit>

#define LEIA_KERNELS "ops/cast/cast_cpu_kernels.h"
#include "cpu/each_isa.h"

namespace leia {

namespace {

void copy(const Cast& op, CpuContext& context) {
  const auto bytes = static_cast<int64_t>(op.input.bytes());
  const auto* input = op.input.data<std::byte>();
  auto* output = op.output.data<std::byte>();
  context.parallel_ranges(bytes, int64_t{1} << 18, [&](int64_t first, int64_t last) {
    std::memcpy(output + first, input + first, static_cast<size_t>(last - first));
  });
}

// A float as float32, a whole number as it is.
template <class T>
auto exact(T value) {
  if constexpr (std::is_integral_v<T>) {
    return value;
  } else {
    return to_float(value);
  }
}

template <class To, class From>
To converted(From value) {
  const auto number = exact(value);
  if constexpr (!std::is_integral_v<To>) {
    return from_float<To>(static_cast<float>(number));
  } else {
    return holds_number<To>(number) ? static_cast<To>(number) : To{0};
  }
}

template <class From>
int32_t bits_of(From value) {
  if constexpr (std::is_same_v<From, int32_t>) return value;
  if constexpr (std::is_same_v<From, int64_t>) return 0;
  return std::bit_cast<int32_t>(static_cast<float>(exact(value)));
}

// From or to whole numbers. For the baseline: as long as the memory takes.
template <class From, class To>
void cast_numbers(const Cast& op, CpuContext& context) {
  const From* input = op.input.data<From>();
  To* output = op.output.data<To>();
  const int64_t elements = op.input.elements();
  std::atomic<int64_t> first_bad{elements};
  context.parallel_ranges(elements, 1 << 16, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) output[i] = converted<To>(input[i]);
    if constexpr (kMayNotHold<To, From>) {
      bool all = true;
      for (int64_t i = first; i < last; ++i) all &= holds_number<To>(exact(input[i]));
      if (all) return;
      const From* bad = std::find_if_not(input + first, input + last,
                                         [](From x) { return holds_number<To>(exact(x)); });
      int64_t least = first_bad.load();
      while (bad - input < least && !first_bad.compare_exchange_weak(least, bad - input)) {
      }
    }
  });
  if (const int64_t bad = first_bad; bad < elements) {
    fail("argument", bad_number(op, bad, bits_of(input[bad])));
  }
}

constexpr bool is_whole(DType dtype) {
  return dtype == DType::int32 || dtype == DType::int64 || dtype == DType::uint8;
}

}  // namespace

void execute_cpu(const Cast& op, CpuContext& context) {
  if (op.input.dtype == op.output.dtype) return copy(op, context);
  if (!is_whole(op.input.dtype) && !is_whole(op.output.dtype)) {
    return LEIA_DISPATCH(cast_floats)(op, context);
  }
  dispatch_any(op.input.dtype, [&](auto from) {
    dispatch_any(op.output.dtype, [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      if constexpr (std::is_integral_v<From> || std::is_integral_v<To>) {
        cast_numbers<From, To>(op, context);
      }
    });
  });
}

LEIA_CPU_EXECUTION(Cast)

}  // namespace leia
