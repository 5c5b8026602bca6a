#include "ops/sample_token/sample_token.h"

#include "core/tensor_text.h"

namespace leia {

namespace {

// The output function of SplitMix64.
uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace

std::vector<double> draws_of(const SampleToken& op) {
  std::vector<double> draws;
  for (int64_t row = 0; row < op.logits.shape[0]; ++row) {
    const uint64_t start = static_cast<uint64_t>(op.seed) + mixed(static_cast<uint64_t>(row));
    const uint64_t step = static_cast<uint64_t>(op.position) + 1;
    const uint64_t bits = mixed(start + step * 0x9e3779b97f4a7c15u);
    draws.push_back(static_cast<double>(bits >> 11) * 0x1p-53);
  }
  return draws;
}

std::string bad_logit(const Tensor& logits, int64_t element) {
  return text("the logit at ", position_of(logits.shape, element), " is NaN, expected a number");
}

void validate(const SampleToken& op) {
  check_float(op.kName, "logits", op.logits);
  check_rank(op.kName, "logits", op.logits, 2);
  require(op.logits.shape[1] > 0, op.kName, ": logits has shape ", op.logits.shape,
          ", expected at least one logit a row");
  check_shape(op.kName, "tokens", op.tokens, {op.logits.shape[0]});
  check_dtype(op.kName, "tokens", op.tokens, DType::int32);
  check_apart(op.kName, "tokens", op.tokens, "logits", op.logits);
  require(op.temperature >= 0 && op.temperature < __builtin_inf(), op.kName, ": temperature is ",
          op.temperature, ", expected a finite number of 0 or more");
  require(op.top_k >= 1, op.kName, ": top_k is ", op.top_k, ", expected 1 or more");
  require(op.top_p > 0 && op.top_p <= 1, op.kName, ": top_p is ", op.top_p,
          ", expected more than 0 and at most 1");
  require(op.position >= 0, op.kName, ": position is ", op.position, ", expected 0 or more");
}

}  // namespace leia
