// Philox4x32-10, random numbers from a counter (Salmon et al. 2011, "Parallel random numbers: as
// easy as 1, 2, 3"): four words of 32 bits that depend on nothing but key and counter, so that who
// asks, in which order and on which device, makes no difference.
#pragma once

#include <cstdint>

#include "core/everywhere.h"

namespace leia {

// The counter's two numbers go in, the words that belong to them come out.
struct PhiloxWords {
  uint32_t words[4];

  LEIA_EVERYWHERE PhiloxWords(uint64_t key, uint64_t low, uint64_t high)
      : words{static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32),
              static_cast<uint32_t>(high), static_cast<uint32_t>(high >> 32)} {
    uint32_t key0 = static_cast<uint32_t>(key), key1 = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const uint64_t a = uint64_t{0xd2511f53u} * words[0], b = uint64_t{0xcd9e8d57u} * words[2];
      words[0] = static_cast<uint32_t>(b >> 32) ^ words[1] ^ key0;
      words[1] = static_cast<uint32_t>(b);
      words[2] = static_cast<uint32_t>(a >> 32) ^ words[3] ^ key1;
      words[3] = static_cast<uint32_t>(a);
      key0 += 0x9e3779b9u;
      key1 += 0xbb67ae85u;
    }
  }
};

}  // namespace leia
