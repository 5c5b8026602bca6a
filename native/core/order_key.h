// The place of a float32 in the order of its neighbours, as a number: higher values have higher
// keys, of equal ones the first. NaN is above all, as PyTorch has it, and both zeros are one. The
// highest of many is then the highest key, in whatever order they are compared, and says which it
// was.
#pragma once

#include <cstdint>

#include "core/everywhere.h"

namespace leia {

// Below the key of every value.
constexpr uint64_t kNoKey = 0;

LEIA_EVERYWHERE inline uint64_t order_key(uint32_t bits, int64_t index) {
  const uint32_t magnitude = bits & 0x7fffffffu;
  uint32_t ordered = bits != magnitude ? ~bits : bits | 0x80000000u;
  if (magnitude == 0) ordered = 0x80000000u;
  if (magnitude > 0x7f800000u) ordered = ~0u;
  return static_cast<uint64_t>(ordered) << 32 | ~static_cast<uint32_t>(index);
}

LEIA_EVERYWHERE inline int32_t index_of(uint64_t key) {
  return static_cast<int32_t>(~static_cast<uint32_t>(key));
}

}  // namespace leia
