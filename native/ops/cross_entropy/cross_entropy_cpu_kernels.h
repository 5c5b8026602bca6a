// Compiled once per instruction set by cross_entropy_cpu.cpp.
namespace leia::LEIA_ISA {

constexpr int64_t kLogitsPerBlock = 1024;  // 4 KB: the second look at a block finds it in the cache

// sum_v e^(x[v] - maximum) with its maximum: the running pair of the online softmax.
struct ExponentialSum {
  float maximum = -__builtin_inff();
  double sum = 0;

  // The reference of the exponents: finite also when all logits so far are -infinity.
  static float finite(float value) { return value == -__builtin_inff() ? 0.0f : value; }
  double logarithm() const { return finite(maximum) + std::log(sum); }
};

template <class T>
ExponentialSum exponential_sum(const T* logits, int64_t vocabulary) {
  const float lowest = -__builtin_inff();
  ExponentialSum running;
  for (int64_t first = 0; first < vocabulary; first += kLogitsPerBlock) {
    const T* block = logits + first;
    const int64_t size =
        vocabulary - first < kLogitsPerBlock ? vocabulary - first : kLogitsPerBlock;
    Floats highest = splat(running.maximum);
    for_vectors(size, [&](int64_t i, int64_t count) {
      highest = maximum(highest, load_count(block + i, count, lowest));
    });
    const float reference = reduce_max(highest);
    const Floats shift = splat(ExponentialSum::finite(reference));
    Floats sum{};
    for_vectors(size, [&](int64_t i, int64_t count) {
      sum += exponential_of_negative(load_count(block + i, count, lowest) - shift);
    });
    if (reference != running.maximum && running.sum != 0) {
      running.sum *= std::exp(static_cast<double>(running.maximum) - reference);
    }
    running.sum += reduce_sum(sum);
    running.maximum = reference;
  }
  return running;
}

// A row's gradient from its logits, which may be the same memory; 0 from `vocabulary` to `columns`.
// The logsumexp is reference + log_sum: large logits take no digits from the exponents.
template <class T>
void gradient_of_row(const T* logits, int32_t label, float reference, float log_sum, float scale,
                     T* grad_logits, int64_t vocabulary, int64_t columns) {
  const int64_t counted = label == kIgnoredLabel ? 0 : vocabulary;
  std::memset(grad_logits + counted, 0, static_cast<size_t>(columns - counted) * sizeof(T));
  if (counted == 0) return;
  const double label_exponent = static_cast<double>(to_float(logits[label])) - reference - log_sum;
  for_vectors(vocabulary, [&](int64_t i, int64_t count) {
    const Floats x = load_count(logits + i, count);
    store_count(grad_logits + i, exponential(x - reference - log_sum) * scale, count);
  });
  grad_logits[label] = from_float<T>(static_cast<float>(scale * std::expm1(label_exponent)));
}

// logsumexp - x[label], and 0 where ignored.
template <class T>
float loss_of_row(const T* logits, int32_t label, double logsumexp) {
  if (label == kIgnoredLabel) return 0.0f;
  return static_cast<float>(logsumexp - to_float(logits[label]));
}

inline void cross_entropy_forward(const CrossEntropyForward& op, CpuContext& context) {
  const int64_t rows = op.logits.shape[0], columns = op.logits.shape[1];
  const int32_t* labels = op.labels.data<int32_t>();
  dispatch_float(op.logits.dtype, [&](auto type) {
    using T = decltype(type);
    context.parallel_for(rows, [&](int64_t row) {
      const T* logits = op.logits.data<T>() + row * columns;
      const double logsumexp = exponential_sum(logits, op.vocabulary).logarithm();
      op.logsumexp.data<float>()[row] = static_cast<float>(logsumexp);
      op.losses.data<float>()[row] = loss_of_row(logits, labels[row], logsumexp);
    });
  });
}

inline void cross_entropy_backward(const CrossEntropyBackward& op, CpuContext& context) {
  const int64_t rows = op.logits.shape[0], columns = op.logits.shape[1];
  const int32_t* labels = op.labels.data<int32_t>();
  dispatch_float(op.logits.dtype, [&](auto type) {
    using T = decltype(type);
    context.parallel_for(rows, [&](int64_t row) {
      gradient_of_row(op.logits.data<T>() + row * columns, labels[row],
                      op.logsumexp.data<float>()[row], 0.0f, op.scale,
                      op.grad_logits.data<T>() + row * columns, op.vocabulary, columns);
    });
  });
}

inline void cross_entropy(const CrossEntropy& op, CpuContext& context) {
  const int64_t rows = op.logits.shape[0], columns = op.logits.shape[1];
  const int32_t* labels = op.labels.data<int32_t>();
  dispatch_float(op.logits.dtype, [&](auto type) {
    using T = decltype(type);
    context.parallel_for(rows, [&](int64_t row) {
      const T* logits = op.logits.data<T>() + row * columns;
      const ExponentialSum sum = exponential_sum(logits, op.vocabulary);
      op.losses.data<float>()[row] = loss_of_row(logits, labels[row], sum.logarithm());
      gradient_of_row(logits, labels[row], ExponentialSum::finite(sum.maximum),
                      static_cast<float>(std::log(sum.sum)), op.scale,
                      op.grad_logits.data<T>() + row * columns, op.vocabulary, columns);
    });
  });
}

}  // namespace leia::LEIA_ISA
