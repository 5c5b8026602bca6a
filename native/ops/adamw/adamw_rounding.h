// How moments in bfloat16 are rounded (adamw.h): which random bits belong to an element, and what
// they make of a float32.
#pragma once

#include "core/philox.h"

namespace leia {

// Elements that one call of the generator serves.
constexpr int64_t kElementsPerCall = 4;

// The random bits of one parameter in one step, or of the slice of it that begins at `first`, a
// multiple of kElementsPerCall.
struct RoundingBits {
  uint64_t key, counter;
  int64_t first;

  LEIA_EVERYWHERE RoundingBits(int64_t seed, int64_t step, int64_t parameter, int64_t of_slice)
      : key(static_cast<uint64_t>(seed)),
        counter(static_cast<uint64_t>(step) + (static_cast<uint64_t>(parameter) << 32)),
        first(of_slice) {}

  // Of the elements from `begin`, a multiple of kElementsPerCall, on.
  LEIA_EVERYWHERE PhiloxWords of(int64_t begin) const {
    return {key, static_cast<uint64_t>((first + begin) / kElementsPerCall), counter};
  }
};

// Adds 16 random bits to a float32 and keeps the upper half. Of the two bfloat16 around the number,
// this is the one farther from zero with the probability that the lower half gives. Words may be
// one word or a vector of them.
template <class Words>
LEIA_EVERYWHERE Words upper_half(Words bits, Words random) {
  return (bits + random) >> 16;
}

}  // namespace leia
