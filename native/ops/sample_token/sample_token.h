// Chooses one token for each row of logits. With temperature 0 the likeliest, the first of equals.
// Else, with the tokens in the order of falling logits, equal ones in the order of their ids:
//
//   weight = round(2^32 * exp((logit - highest) / temperature))
//   kept   = of the first top_k tokens the fewest from the first on whose weights reach
//            top_p * (the weights of all top_k)
//   token  = the first at which the sum of weights exceeds u * (the weights of all kept)
//
// Weights are whole numbers, whose sums are exact in any order: every device draws the same token
// unless the last bits of exp decide. u, uniform in [0, 1), is SplitMix64's number `position` of a
// seed, another sequence for each row.
//
// Sources: Fan et al. 2018 (top-k); Holtzman et al. 2020 (top-p); Steele et al. 2014 (SplitMix64).
#pragma once

#include <vector>

#include "core/tensor.h"

namespace leia {

struct SampleToken {
  static constexpr const char* kName = "sample_token";
  Tensor logits;       // [rows, vocabulary], float32 or bfloat16; no NaN
  Tensor tokens;       // [rows], int32
  double temperature;  // 0 or more
  int64_t top_k;       // 1 or more
  double top_p;        // above 0, at most 1
  int64_t seed;
  int64_t position;  // 0 or more

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("logits", self.logits, Access::read);
    visit("tokens", self.tokens, Access::write);
    visit("temperature", self.temperature);
    visit("top_k", self.top_k);
    visit("top_p", self.top_p);
    visit("seed", self.seed);
    visit("position", self.position);
  }
};

// u of every row.
std::vector<double> draws_of(const SampleToken& operation);
// The error for a logit that is NaN.
std::string bad_logit(const Tensor& logits, int64_t element);

void validate(const SampleToken& operation);

}  // namespace leia
