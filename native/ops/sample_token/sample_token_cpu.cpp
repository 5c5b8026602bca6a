// Tokens without weight are left out, the others sorted. This runs once for every token that a
// model makes: it needs no vectors.
#include <algorithm>
#include <cmath>

#include "ops/sample_token/sample_token.h"

#include "cpu/cpu_context.h"

namespace leia {

namespace {

struct Candidate {
  float logit;
  int32_t token;
  uint64_t weight;
};

bool before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

template <class T>
Candidate argmax(const T* logits, int64_t vocabulary) {
  Candidate best{to_float(logits[0]), 0, 0};
  for (int64_t i = 1; i < vocabulary; ++i) {
    const float logit = to_float(logits[i]);
    if (logit > best.logit) best = {logit, static_cast<int32_t>(i), 0};
  }
  return best;
}

template <class T>
int32_t drawn(const SampleToken& op, const T* logits, float highest, double draw) {
  std::vector<Candidate> candidates;
  for (int64_t i = 0; i < op.logits.shape[1]; ++i) {
    const float logit = to_float(logits[i]);
    // The highest may be infinite.
    const double share =
        logit == highest ? 1.0 : std::exp((double{logit} - double{highest}) / op.temperature);
    const auto weight = static_cast<uint64_t>(share * 0x1p32 + 0.5);
    if (weight > 0) candidates.push_back({logit, static_cast<int32_t>(i), weight});
  }
  const auto first = candidates.begin();
  if (op.top_k < static_cast<int64_t>(candidates.size())) {
    std::nth_element(first, first + op.top_k - 1, candidates.end(), before);
    candidates.resize(static_cast<size_t>(op.top_k));
  }
  std::sort(candidates.begin(), candidates.end(), before);
  uint64_t all = 0, kept = 0;
  for (const Candidate& candidate : candidates) all += candidate.weight;
  const auto enough = static_cast<uint64_t>(std::ceil(op.top_p * static_cast<double>(all)));
  for (const Candidate& candidate : candidates) {
    if (kept >= enough) break;
    kept += candidate.weight;
  }
  const auto target = static_cast<uint64_t>(draw * static_cast<double>(kept));
  uint64_t sum = 0;
  for (const Candidate& candidate : candidates) {
    sum += candidate.weight;
    if (sum > target) return candidate.token;
  }
  fail("execution", text(op.kName, ": weights do not add up"));
}

}  // namespace

void execute_cpu(const SampleToken& op, CpuContext& context) {
  const int64_t vocabulary = op.logits.shape[1];
  const std::vector<double> draws = draws_of(op);
  dispatch_float(op.logits.dtype, [&](auto type) {
    using T = decltype(type);
    const T* all = op.logits.data<T>();
    for (int64_t i = 0; i < op.logits.elements(); ++i) {
      if (std::isnan(to_float(all[i]))) fail("argument", bad_logit(op.logits, i));
    }
    context.parallel_for(op.logits.shape[0], [&](int64_t row) {
      const T* logits = all + row * vocabulary;
      const Candidate best = argmax(logits, vocabulary);
      op.tokens.data<int32_t>()[row] =
          op.temperature == 0 ? best.token
                              : drawn(op, logits, best.logit, draws[static_cast<size_t>(row)]);
    });
  });
}

LEIA_CPU_EXECUTION(SampleToken)

}  // namespace leia
