// Compiled once per instruction set by binary_cpu.cpp. All loops run over lines: stretches of the
// innermost loop, in which an operand is either a vector or one value.
namespace leia::LEIA_ISA {

constexpr int64_t kElementsPerTask = 1 << 15;

struct Sum {
  static Floats of(Floats a, Floats b) { return a + b; }
};
struct Difference {
  static Floats of(Floats a, Floats b) { return a - b; }
};
struct Product {
  static Floats of(Floats a, Floats b) { return a * b; }
};
struct Quotient {
  static Floats of(Floats a, Floats b) { return a / b; }
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

// What arrives at an operand, of grad_output and the values of a and b.
struct Same {
  static Floats of(Floats dy, Floats, Floats) { return dy; }
};
struct Negated {
  static Floats of(Floats dy, Floats, Floats) { return -dy; }
};
struct TimesA {
  static Floats of(Floats dy, Floats a, Floats) { return dy * a; }
};
struct TimesB {
  static Floats of(Floats dy, Floats, Floats b) { return dy * b; }
};
struct OverB {
  static Floats of(Floats dy, Floats, Floats b) { return dy / b; }
};
struct OfDivisor {
  static Floats of(Floats dy, Floats a, Floats b) {
    const Floats inverse = 1.0f / b;
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

// A part of a line of an operand: `data`, or `value` everywhere where that is nullptr.
template <class T>
struct Line {
  const T* data;
  Floats value;

  // Lanes from `count` on are 1, by which one can divide.
  Floats at(int64_t i, int64_t count) const {
    return data != nullptr ? load_count(data + i, count, 1.0f) : value;
  }
};

template <class T>
struct Operand {
  const T* data;  // nullptr: a number
  float number;
  bool varies;  // along the innermost loop

  Line<T> line(int64_t offset) const {
    if (data == nullptr) return {nullptr, splat(number)};
    if (!varies) return {nullptr, splat(to_float(data[offset]))};
    return {data + offset, Floats{}};
  }
};

template <class T>
Operand<T> operand_of(const Tensor& tensor, double number, bool varies) {
  return {tensor ? tensor.data<T>() : nullptr, static_cast<float>(number), varies};
}

// Calls body(at, count) for the parts of lines that make up the elements [first, last).
template <class Body>
void for_lines(int64_t first, int64_t last, int64_t inner, Body&& body) {
  for (int64_t at = first; at < last;) {
    const int64_t left = inner - at % inner, count = left < last - at ? left : last - at;
    body(at, count);
    at += count;
  }
}

inline void binary(BinaryOperator kind, const BinaryArguments& op, CpuContext& context) {
  const int64_t elements = op.output.elements();
  if (elements == 0) return;
  const auto loops = loops_over(op.output.shape, {op.a.shape, op.b.shape});
  dispatch_float(op.output.dtype, [&](auto type) {
    using T = decltype(type);
    const auto a = operand_of<T>(op.a, op.number, loops.varies(0));
    const auto b = operand_of<T>(op.b, op.number, loops.varies(1));
    T* output = op.output.data<T>();
    with_operator(kind, [&](auto function) {
      using Function = decltype(function);
      context.parallel_ranges(elements, kElementsPerTask, [&](int64_t first, int64_t last) {
        for_lines(first, last, loops.inner(), [&](int64_t at, int64_t length) {
          int64_t offsets[2] = {};
          loops.add_offsets(at, offsets);
          const Line<T> left = a.line(offsets[0]), right = b.line(offsets[1]);
          T* target = output + at;
          for_vectors(length, [&](int64_t i, int64_t count) {
            store_count(target + i, Function::of(left.at(i, count), right.at(i, count)), count);
          });
        });
      });
    });
  });
}

// The tensors of a gradient's loops.
enum { kGradient, kGradOutput, kA, kB, kTensors };

// The lines from which a gradient is computed, at the offsets that its loops give.
template <class T, class Function>
struct GradientLines {
  Operand<T> grad_output, a, b;

  GradientLines(const BinaryGradient& op, const Loops<kTensors>& loops)
      : grad_output(operand_of<T>(op.grad_output, 0, loops.varies(kGradOutput))),
        a(operand_of<T>(op.needs_a() ? op.a : Tensor{}, op.number, loops.varies(kA))),
        b(operand_of<T>(op.needs_b() ? op.b : Tensor{}, op.number, loops.varies(kB))) {}

  // body(i, count, values) for each vector of a line; lanes from `count` on hold anything.
  template <class Body>
  void for_values(const int64_t (&at)[kTensors], int64_t length, Body&& body) const {
    const Line<T> dy = grad_output.line(at[kGradOutput]), x = a.line(at[kA]), y = b.line(at[kB]);
    for_vectors(length, [&](int64_t i, int64_t count) {
      body(i, count, Function::of(dy.at(i, count), x.at(i, count), y.at(i, count)));
    });
  }
};

constexpr int64_t kColumnsPerTask = 1024;

// How many of the terms of each sum one task adds up: the order of sums follows from it. Short
// runs, and not too many of them, keep the roundings few.
inline int64_t terms_per_part(int64_t terms, bool inner_is_summed) {
  const int64_t least = inner_is_summed ? 4096 : 128, most_parts = 1024;
  const int64_t each = (terms + most_parts - 1) / most_parts;
  return each > least ? each : least;
}

// Sums over an inner loop that the gradient moves along: a row of sums at a time.
template <class Lines>
void sum_outer(const Lines& lines, const Loops<kTensors>& kept, const Loops<kTensors>& summed,
               int64_t each, int64_t parts, float* partial, CpuContext& context) {
  const int64_t sums = kept.elements(), terms = summed.elements(), inner = kept.inner();
  const int64_t blocks = (inner + kColumnsPerTask - 1) / kColumnsPerTask;
  context.parallel_for(parts * (sums / inner) * blocks, [&](int64_t task) {
    const int64_t block = task % blocks, row = task / blocks % (sums / inner);
    const int64_t part = task / blocks / (sums / inner);
    const int64_t column = block * kColumnsPerTask, first = row * inner + column;
    const int64_t columns = inner - column < kColumnsPerTask ? inner - column : kColumnsPerTask;
    float* own = partial + part * sums + first;
    std::memset(own, 0, static_cast<size_t>(columns) * sizeof(float));
    const int64_t last = (part + 1) * each < terms ? (part + 1) * each : terms;
    int64_t begin[kTensors] = {};
    kept.add_offsets(first, begin);
    for (int64_t term = part * each; term < last; ++term) {
      int64_t at[kTensors];
      for (int t = 0; t < kTensors; ++t) at[t] = begin[t];
      summed.add_offsets(term, at);
      lines.for_values(at, columns, [&](int64_t i, int64_t count, Floats values) {
        store_count(own + i, load_count(own + i, count) + values, count);
      });
    }
  });
}

// Sums over an inner loop along which the gradient stays.
template <class Lines>
void sum_inner(const Lines& lines, const Loops<kTensors>& kept, const Loops<kTensors>& summed,
               int64_t each, int64_t parts, float* partial, CpuContext& context) {
  const int64_t sums = kept.elements(), terms = summed.elements(), inner = summed.inner();
  const int64_t per_place = (terms + parts - 1) / parts;
  context.parallel_ranges(
      parts * sums, kElementsPerTask / per_place, [&](int64_t from, int64_t to) {
        for (int64_t place = from; place < to; ++place) {
          const int64_t part = place / sums, sum = place % sums;
          const int64_t last = (part + 1) * each < terms ? (part + 1) * each : terms;
          int64_t begin[kTensors] = {};
          kept.add_offsets(sum, begin);
          Floats total{};
          for_lines(part * each, last, inner, [&](int64_t term, int64_t length) {
            int64_t at[kTensors];
            for (int t = 0; t < kTensors; ++t) at[t] = begin[t];
            summed.add_offsets(term, at);
            lines.for_values(at, length, [&](int64_t, int64_t count, Floats values) {
              if (count == kLanes) {
                total += values;
              } else {
                float lanes[kLanes] = {};
                store_partial(lanes, values, count);
                total += load(lanes);
              }
            });
          });
          partial[place] = reduce_sum(total);
        }
      });
}

// Adds up the parts of each sum, in their order.
template <class Target>
void add_parts(const float* partial, int64_t sums, int64_t parts, Target* target, bool accumulate,
               CpuContext& context) {
  context.parallel_ranges(sums, 1024, [&](int64_t first, int64_t last) {
    for_vectors(last - first, [&](int64_t i, int64_t count) {
      const int64_t at = first + i;
      Floats total{};
      for (int64_t part = 0; part < parts; ++part) {
        total += load_count(partial + part * sums + at, count);
      }
      if (accumulate) total += load_count(target + at, count);
      store_count(target + at, total, count);
    });
  });
}

template <class T, class Function>
void gradient_of(const BinaryGradient& op, CpuContext& context) {
  const int64_t sums = op.gradient.elements();
  if (sums == 0) return;
  const Shape& whole = op.grad_output.shape;
  const auto loops = loops_over(whole, {op.gradient.shape, whole, op.a.shape, op.b.shape});
  const GradientLines<T, Function> lines(op, loops);
  if (sums == whole.elements() && !op.accumulate) {
    T* target = op.gradient.data<T>();
    context.parallel_ranges(sums, kElementsPerTask, [&](int64_t first, int64_t last) {
      for_lines(first, last, loops.inner(), [&](int64_t at, int64_t length) {
        int64_t offsets[kTensors] = {};
        loops.add_offsets(at, offsets);
        lines.for_values(offsets, length, [&](int64_t i, int64_t count, Floats values) {
          store_count(target + at + i, values, count);
        });
      });
    });
    return;
  }
  const auto kept = loops_where(loops, kGradient, true);
  const auto summed = loops_where(loops, kGradient, false);
  const bool inner_is_summed = !loops.varies(kGradient);
  const int64_t terms = summed.elements();
  const int64_t each = terms_per_part(terms, inner_is_summed);
  const int64_t parts = (terms + each - 1) / each;
  float* partial = context.scratch.take<float>(parts * sums);
  const auto sum = inner_is_summed ? sum_inner<GradientLines<T, Function>>
                                   : sum_outer<GradientLines<T, Function>>;
  if (parts > 0) sum(lines, kept, summed, each, parts, partial, context);
  if (op.accumulate) {
    add_parts(partial, sums, parts, op.gradient.data<float>(), true, context);
  } else {
    add_parts(partial, sums, parts, op.gradient.data<T>(), false, context);
  }
}

inline void binary_gradient(const BinaryGradient& op, CpuContext& context) {
  dispatch_float(op.grad_output.dtype, [&](auto type) {
    with_gradient(
        op, [&](auto function) { gradient_of<decltype(type), decltype(function)>(op, context); });
  });
}

}  // namespace leia::LEIA_ISA
