// One thread for each 16 bytes of the output where an operand's lines allow it, else for each
// element. A gradient that is summed takes two kernels: the first adds up a part of each sum, the
// second the parts. Both keep to an order that follows from the shapes.
#include "core/broadcast.h"
#include "cuda/context.cuh"
#include "ops/binary/binary_kernels.h"

namespace leia {

namespace {

struct Sum {
  LEIA_DEVICE static float of(float a, float b) { return a + b; }
};
struct Difference {
  LEIA_DEVICE static float of(float a, float b) { return a - b; }
};
struct Product {
  LEIA_DEVICE static float of(float a, float b) { return a * b; }
};
struct Quotient {
  LEIA_DEVICE static float of(float a, float b) { return a / b; }
};

template <class Body>
void with_operator(BinaryOperator kind, Body&& body) {
  switch (kind) {
    case BinaryOperator::add:
      return body(Sum{});
    case BinaryOperator::subtract:
      return body(Difference{});
    case BinaryOperator::multiply:
      return body(Product{});
    case BinaryOperator::divide:
      return body(Quotient{});
  }
}

// What arrives at an operand, of grad_output and the values of a and b that it needs.
struct Same {
  static constexpr bool kNeedsA = false, kNeedsB = false;
  LEIA_DEVICE static float of(float dy, float, float) { return dy; }
};
struct Negated {
  static constexpr bool kNeedsA = false, kNeedsB = false;
  LEIA_DEVICE static float of(float dy, float, float) { return -dy; }
};
struct TimesA {
  static constexpr bool kNeedsA = true, kNeedsB = false;
  LEIA_DEVICE static float of(float dy, float a, float) { return dy * a; }
};
struct TimesB {
  static constexpr bool kNeedsA = false, kNeedsB = true;
  LEIA_DEVICE static float of(float dy, float, float b) { return dy * b; }
};
struct OverB {
  static constexpr bool kNeedsA = false, kNeedsB = true;
  LEIA_DEVICE static float of(float dy, float, float b) { return dy / b; }
};
struct OfDivisor {
  static constexpr bool kNeedsA = true, kNeedsB = true;
  LEIA_DEVICE static float of(float dy, float a, float b) {
    const float inverse = 1.0f / b;
    return -dy * (a * inverse) * inverse;
  }
};

template <class Body>
void with_gradient(const BinaryGradient& gradient, Body&& body) {
  switch (gradient.kind) {
    case BinaryOperator::add:
      return body(Same{});
    case BinaryOperator::subtract:
      return gradient.of_b ? body(Negated{}) : body(Same{});
    case BinaryOperator::multiply:
      return gradient.of_b ? body(TimesA{}) : body(TimesB{});
    case BinaryOperator::divide:
      return gradient.of_b ? body(OfDivisor{}) : body(OverB{});
  }
}

// An operand: `count` values, or with none of them a number.
template <class T>
struct Operand {
  Global<const T> values;
  int64_t count;
  float number;

  // Width values from an offset on, or where the operand does not vary, the one there.
  template <int Width>
  LEIA_DEVICE void load(float (&result)[Width], int64_t offset, bool varies) const {
    if (varies) return load_floats(result, values, offset, count);
    const float value = count == 0 ? number : as_float(values.load(offset));
#pragma unroll
    for (int j = 0; j < Width; ++j) result[j] = value;
  }
};

template <class T>
Operand<T> operand_of(const Tensor& tensor, double number) {
  if (!tensor) return {Global<const T>(nullptr, 0), 0, static_cast<float>(number)};
  return {input<T>(tensor), tensor.elements(), 0.0f};
}

// Whether Width elements from a multiple of Width on are in one line of every tensor.
template <int Count>
bool has_wide_lines(const Loops<Count>& loops, int width) {
  return loops.rank == 1 || loops.inner() % width == 0;
}

template <class Function, class T, int Width>
__global__ void binary(Operand<T> a, Operand<T> b, Global<T> output, Loops<2> loops,
                       int64_t count) {
  const int64_t i = first_element(Width);
  if (i >= count) return;
  int64_t at[2] = {};
  loops.add_offsets(i, at);
  float x[Width], y[Width];
  a.load(x, at[0], loops.varies(0));
  b.load(y, at[1], loops.varies(1));
#pragma unroll
  for (int j = 0; j < Width; ++j) x[j] = Function::of(x[j], y[j]);
  store_floats(output, i, count, x);
}

// The tensors of a gradient's loops.
enum { kGradient, kGradOutput, kA, kB, kTensors };

template <class Function, class T>
struct GradientTerms {
  Operand<T> grad_output, a, b;

  // The gradient's Width terms at the offsets; which tensors vary there, `loops` says.
  template <int Width>
  LEIA_DEVICE void load(float (&result)[Width], const int64_t (&at)[kTensors],
                        const Loops<kTensors>& loops) const {
    float x[Width] = {}, y[Width] = {};
    grad_output.load(result, at[kGradOutput], loops.varies(kGradOutput));
    if constexpr (Function::kNeedsA) a.load(x, at[kA], loops.varies(kA));
    if constexpr (Function::kNeedsB) b.load(y, at[kB], loops.varies(kB));
#pragma unroll
    for (int j = 0; j < Width; ++j) result[j] = Function::of(result[j], x[j], y[j]);
  }
};

// The gradient of an operand that was not stretched.
template <class Function, class T, int Width>
__global__ void binary_gradient(GradientTerms<Function, T> terms, Global<T> gradient,
                                Loops<kTensors> loops, int64_t count) {
  const int64_t i = first_element(Width);
  if (i >= count) return;
  int64_t at[kTensors] = {};
  loops.add_offsets(i, at);
  float values[Width];
  terms.load(values, at, loops);
  store_floats(gradient, i, count, values);
}

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarpSize;

// The loops over a gradient's elements, and over the terms of each; a part has `each` of them.
struct Summation {
  Loops<kTensors> whole, kept, summed;
  int64_t sums = 0, terms = 0, each = 0, parts = 0;
};

// Sums over an inner loop that the gradient moves along: a block has 32 * Width sums beside each
// other, and each of its warps adds up every eighth term of their part.
template <class Function, class T, int Width>
__global__ void __launch_bounds__(kThreads, 1)
    binary_sum_outer(GradientTerms<Function, T> terms, Global<float> partial, Summation plan) {
  const Shared<float> shared(0, kThreads * Width);
  const int lane = lane_index(), warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int64_t inner = plan.kept.inner(), rows = plan.sums / inner;
  const int64_t blocks = (inner + kWarpSize * Width - 1) / (kWarpSize * Width);
  const int64_t row = blockIdx.x / blocks % rows, part = blockIdx.x / blocks / rows;
  const int64_t column = (blockIdx.x % blocks * kWarpSize + lane) * Width;
  const int64_t first = row * inner + column;
  const int64_t end = (part + 1) * plan.each < plan.terms ? (part + 1) * plan.each : plan.terms;
  float total[Width] = {};
  if (column < inner) {
    int64_t begin[kTensors] = {};
    plan.kept.add_offsets(first, begin);
    for (int64_t term = part * plan.each + warp; term < end; term += kWarps) {
      int64_t at[kTensors];
      for (int t = 0; t < kTensors; ++t) at[t] = begin[t];
      plan.summed.add_offsets(term, at);
      float values[Width];
      terms.load(values, at, plan.whole);
#pragma unroll
      for (int j = 0; j < Width; ++j) total[j] += values[j];
    }
  }
#pragma unroll
  for (int j = 0; j < Width; ++j) shared.store((warp * Width + j) * kWarpSize + lane, total[j]);
  sync_threads();
  if (warp != 0 || column >= inner) return;
#pragma unroll
  for (int j = 0; j < Width; ++j) {
    total[j] = 0.0f;
    for (int other = 0; other < kWarps; ++other) {
      total[j] += shared.load((other * Width + j) * kWarpSize + lane);
    }
    if (column + j < inner) partial.store(part * plan.sums + first + j, total[j]);
  }
}

// Sums over an inner loop along which the gradient stays: a warp has a part of one sum.
template <class Function, class T, int Width>
__global__ void __launch_bounds__(kThreads, 1)
    binary_sum_inner(GradientTerms<Function, T> terms, Global<float> partial, Summation plan) {
  const int64_t place = int64_t{blockIdx.x} * kWarps + threadIdx.x / kWarpSize;
  if (place >= plan.parts * plan.sums) return;
  const int64_t part = place / plan.sums, sum = place % plan.sums;
  const int64_t end = (part + 1) * plan.each < plan.terms ? (part + 1) * plan.each : plan.terms;
  int64_t begin[kTensors] = {};
  plan.kept.add_offsets(sum, begin);
  float total = 0.0f;
  for (int64_t term = part * plan.each + int64_t{lane_index()} * Width; term < end;
       term += kWarpSize * Width) {
    int64_t at[kTensors];
    for (int t = 0; t < kTensors; ++t) at[t] = begin[t];
    plan.summed.add_offsets(term, at);
    float values[Width];
    terms.load(values, at, plan.whole);
#pragma unroll
    for (int j = 0; j < Width; ++j) total += values[j];
  }
  total = warp_sum(total);
  if (lane_index() == 0) partial.store(place, total);
}

// Adds up the parts of each sum: a block has 32 sums, and each of its warps every eighth part.
template <class Target>
__global__ void __launch_bounds__(kThreads, 1)
    binary_add_parts(Global<const float> partial, Global<Target> gradient, int64_t sums,
                     int64_t parts, bool accumulate) {
  const Shared<float> shared(0, kThreads);
  const int lane = lane_index(), warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int64_t sum = int64_t{blockIdx.x} * kWarpSize + lane;
  float total = 0.0f;
  if (sum < sums) {
    for (int64_t part = warp; part < parts; part += kWarps) {
      total += partial.load(part * sums + sum);
    }
  }
  shared.store(warp * kWarpSize + lane, total);
  sync_threads();
  if (warp != 0 || sum >= sums) return;
  total = 0.0f;
  for (int other = 0; other < kWarps; ++other) total += shared.load(other * kWarpSize + lane);
  if (accumulate) total += as_float(gradient.load(sum));
  gradient.store(sum, rounded<Target>(total));
}

// A sum is cut into parts so that there is work for a whole GPU, and not more of them than a second
// kernel adds up in no time.
constexpr int64_t kLeastTerms = 64, kLeastInnerTerms = 4096, kMostParts = 1024;

Summation plan_of(const Loops<kTensors>& loops) {
  Summation plan;
  plan.whole = loops;
  plan.kept = loops_where(loops, kGradient, true);
  plan.summed = loops_where(loops, kGradient, false);
  plan.sums = plan.kept.elements();
  plan.terms = plan.summed.elements();
  const int64_t least = loops.varies(kGradient) ? kLeastTerms : kLeastInnerTerms;
  plan.each = std::max(least, (plan.terms + kMostParts - 1) / kMostParts);
  // A part begins where 16 bytes do.
  plan.each = (plan.each + 7) / 8 * 8;
  plan.parts = (plan.terms + plan.each - 1) / plan.each;
  return plan;
}

LaunchShape shape_of(int64_t blocks, size_t shared_floats) {
  return {.blocks = static_cast<uint32_t>(blocks),
          .threads = kThreads,
          .shared_bytes = shared_floats * sizeof(float)};
}

template <class Target>
void add_parts(const BinaryGradient& op, Global<const float> partial, const Summation& plan,
               CudaContext& context) {
  launch(op.name, binary_add_parts<Target>,
         shape_of((plan.sums + kWarpSize - 1) / kWarpSize, kThreads), context.stream, partial,
         output<Target>(op.gradient), plan.sums, plan.parts, op.accumulate);
}

template <class Function, class T>
void gradient_of(const BinaryGradient& op, CudaContext& context) {
  const int64_t sums = op.gradient.elements();
  if (sums == 0) return;
  const Shape& whole = op.grad_output.shape;
  const auto loops = loops_over(whole, {op.gradient.shape, whole, op.a.shape, op.b.shape});
  const GradientTerms<Function, T> terms{operand_of<T>(op.grad_output, 0),
                                         operand_of<T>(op.a, op.number),
                                         operand_of<T>(op.b, op.number)};
  const bool wide = aligned(op.grad_output, op.a, op.b) && has_wide_lines(loops, kPack<T>);
  if (sums == whole.elements() && !op.accumulate) {
    with_width<T>(wide && aligned(op.gradient), [&](auto width) {
      launch(op.name, binary_gradient<Function, T, width>, over_elements(sums, width),
             context.stream, terms, output<T>(op.gradient), loops, sums);
    });
    return;
  }
  const Summation plan = plan_of(loops);
  const Global<float> partial = context.scratch<float>(plan.parts * sums);
  with_width<T>(wide && loops.inner() % kPack<T> == 0, [&](auto width) {
    if (plan.parts == 0) return;
    if (loops.varies(kGradient)) {
      const int64_t inner = plan.kept.inner(), columns = kWarpSize * width;
      const int64_t blocks = (inner + columns - 1) / columns * (sums / inner) * plan.parts;
      launch(op.name, binary_sum_outer<Function, T, width>, shape_of(blocks, kThreads * width),
             context.stream, terms, partial, plan);
    } else {
      launch(op.name, binary_sum_inner<Function, T, width>,
             shape_of((plan.parts * sums + kWarps - 1) / kWarps, 0), context.stream, terms, partial,
             plan);
    }
  });
  if (op.accumulate) {
    add_parts<float>(op, partial.read_only(), plan, context);
  } else {
    add_parts<T>(op, partial.read_only(), plan, context);
  }
}

}  // namespace

void execute_binary_cuda(const char* name, BinaryOperator kind, const BinaryArguments& op,
                         CudaContext& context) {
  const int64_t count = op.output.elements();
  if (count == 0) return;
  const auto loops = loops_over(op.output.shape, {op.a.shape, op.b.shape});
  dispatch_float(op.output.dtype, [&](auto type) {
    using T = decltype(type);
    const bool wide = aligned(op.a, op.b, op.output) && has_wide_lines(loops, kPack<T>);
    with_operator(kind, [&](auto function) {
      with_width<T>(wide, [&](auto width) {
        launch(name, binary<decltype(function), T, width>, over_elements(count, width),
               context.stream, operand_of<T>(op.a, op.number), operand_of<T>(op.b, op.number),
               output<T>(op.output), loops, count);
      });
    });
  });
}

void execute_gradient_cuda(const BinaryGradient& op, CudaContext& context) {
  dispatch_float(op.grad_output.dtype, [&](auto type) {
    with_gradient(
        op, [&](auto function) { gradient_of<decltype(function), decltype(type)>(op, context); });
  });
}

template <BinaryOperator Operator>
void execute_cuda(const Binary<Operator>& op, CudaContext& context) {
  execute_binary_cuda(op.kName, Operator, op, context);
}

template <BinaryOperator Operator>
void execute_cuda(const BinaryBackward<Operator>& op, CudaContext& context) {
  for_gradients(op.kName, Operator, op,
                [&](const BinaryGradient& gradient) { execute_gradient_cuda(gradient, context); });
}

LEIA_CUDA_EXECUTION(Add)
LEIA_CUDA_EXECUTION(Subtract)
LEIA_CUDA_EXECUTION(Multiply)
LEIA_CUDA_EXECUTION(Divide)
LEIA_CUDA_EXECUTION(AddBackward)
LEIA_CUDA_EXECUTION(SubtractBackward)
LEIA_CUDA_EXECUTION(MultiplyBackward)
LEIA_CUDA_EXECUTION(DivideBackward)

}  // namespace leia
