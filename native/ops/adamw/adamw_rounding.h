// How moments in bfloat16 are rounded (adamw.h): which random bits belong to an element, and what
// they make of a float32.
#pragma once

#include "core/philox.h"

namespace leia {

// Elements that one call of the generator serves.
constexpr int64_t kElementsPerCall = 4;

// The random bits of one parameter in one step.
struct RoundingBits {
  uint64_t key, counter;

  LEIA_EVERYWHERE RoundingBits(int64_t seed, int64_t step, int64_t parameter)
      : key(static_cast<uint64_t>(seed)),
        counter(static_cast<uint64_t>(step) + (static_cast<uint64_t>(parameter) << 32)) {}

  // Of the elements from `first`, a multiple of kElementsPerCall, on.
  LEIA_EVERYWHERE PhiloxWords of(int64_t first) const {
    return {key, static_cast<uint64_t>(first / kElementsPerCall), counter};
  }
};

// The upper half of a float32 after 16 random bits were added: of a number that lies between two
// bfloat16, the farther one from zero with the probability that its lower half gives. Words may be
// one or a vector of them.
template <class Words>
LEIA_EVERYWHERE Words upper_half(Words bits, Words random) {
  return (bits + random) >> 16;
}

}  // namespace leia
