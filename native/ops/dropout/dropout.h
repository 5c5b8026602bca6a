// Dropout (Srivastava et al. 2014): with probability p an element becomes 0, otherwise
// input / (1 - p). Which become 0 depends on the seed and the element's place alone:
//
//   output[i] = bits(seed, offset + i) < p * 2^32 ? 0 : input[i] / (1 - p)
//
// bits(seed, n) is word n % 4 of Philox4x32-10 (core/philox.h) with the key seed and the counter
// (n / 4, 2^64 - 1). So no mask is stored: backward is the same operation, with the same seed and
// offset, on grad_output. With p = 0 the output is the input, bit for bit.
#pragma once

#include "core/philox.h"
#include "core/tensor.h"

namespace leia {

struct Dropout {
  static constexpr const char* kName = "dropout";
  Tensor input;          // any shape, float32 or bfloat16
  double p;              // 0 or more, less than 1
  int64_t seed, offset;  // 0 to 2^53 - 1
  Tensor output;         // shape and dtype of input; may be input

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("p", self.p);
    visit("seed", self.seed);
    visit("offset", self.offset);
    visit("output", self.output, Access::write);
  }
};

void validate(const Dropout& operation);

// What the kernels need of the numbers.
struct DropoutMask {
  uint64_t seed, offset;
  uint32_t least;  // bits that keep an element
  float scale;

  explicit DropoutMask(const Dropout& op)
      : seed(static_cast<uint64_t>(op.seed)),
        offset(static_cast<uint64_t>(op.offset)),
        least(static_cast<uint32_t>(op.p * 0x1p32)),
        scale(static_cast<float>(1.0 / (1.0 - op.p))) {}

  // The four words of the elements 4 * quad to 4 * quad + 3.
  LEIA_EVERYWHERE PhiloxWords words(uint64_t quad) const { return {seed, quad, ~uint64_t{0}}; }
};

}  // namespace leia
