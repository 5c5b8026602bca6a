// What must be the same on all ranks, compared: which ranks do something else, in words.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "core/error.h"

namespace leia {

// "rank 2", "ranks 0, 3"
inline std::string list_of_ranks(const std::vector<size_t>& ranks) {
  std::string result = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < ranks.size(); ++i) result += text(i == 0 ? "" : ", ", ranks[i]);
  return result;
}

// Given what each rank calls, names the ranks that differ from most others, with the call of the
// first of them and the usual one, as `describe` has them. Empty if all calls are equal.
template <class Call, class Describe>
std::string odd_ranks(const std::vector<Call>& by_rank, const Describe& describe) {
  const auto alike = [&](const Call& one) { return std::ranges::count(by_rank, one); };
  // Of two that are equally frequent, that of the lower rank is the usual one.
  const Call& usual = *std::ranges::max_element(by_rank, {}, alike);
  std::vector<size_t> others;
  for (size_t rank = 0; rank < by_rank.size(); ++rank) {
    if (!(by_rank[rank] == usual)) others.push_back(rank);
  }
  if (others.empty()) return {};
  return text(list_of_ranks(others), " issued another collective than the other ranks: ",
              describe(by_rank[others.front()]), ", expected ", describe(usual));
}

}  // namespace leia
