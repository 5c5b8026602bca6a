// Which keys each query of a batch entry sees: an interval whose ends never decrease from query to
// query, so a block of queries meets one range of key blocks, and most of those need no mask.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/flash_attention/flash_attention.h"

namespace leia {

struct VisibleKeys {
  std::vector<int32_t> first, last;  // per query: keys [first, last)

  // Throws "execution" when document_starts do not describe documents.
  VisibleKeys(const Tensor& document_starts, int64_t batch, int64_t queries, int64_t keys,
              bool causal);
};

}  // namespace leia
