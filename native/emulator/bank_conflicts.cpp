#include "emulator/bank_conflicts.h"

#include <algorithm>
#include <cstring>

namespace leia::emulator {

namespace {

constexpr size_t kBanks = 32, kWord = 4;

// How many turns the banks take when each lane accesses `bytes` bytes at its offset: different
// words of one bank take one turn each.
uint64_t turns_of(const std::vector<size_t>& offsets, size_t bytes) {
  std::vector<size_t> words;
  for (const size_t offset : offsets) {
    for (size_t at = offset / kWord; at <= (offset + bytes - 1) / kWord; ++at) words.push_back(at);
  }
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  std::array<uint64_t, kBanks> load{};
  for (const size_t word : words) ++load[word % kBanks];
  return *std::max_element(load.begin(), load.end());
}

}  // namespace

void BankConflicts::start(SharedTraffic* traffic, size_t warps) {
  traffic_ = traffic;
  warps_.assign(traffic == nullptr ? 0 : warps, {});
}

void BankConflicts::add(uint32_t warp, uint32_t lane, size_t offset, size_t bytes,
                        const Where& where) {
  auto& accesses = warps_[warp];
  const uint32_t bit = 1u << lane;
  const auto mine = std::find_if(accesses.begin(), accesses.end(), [&](const Access& access) {
    return (access.lanes & bit) == 0 && access.bytes == bytes &&
           access.where.line() == where.line() && access.where.column() == where.column() &&
           std::strcmp(access.where.file_name(), where.file_name()) == 0;
  });
  Access& access =
      mine != accesses.end() ? *mine : accesses.emplace_back(Access{where, bytes, 0, {}});
  access.lanes |= bit;
  access.offsets[lane] = offset;
}

void BankConflicts::settle(uint32_t warp) {
  if (traffic_ == nullptr) return;
  for (const Access& access : warps_[warp]) {
    const auto together =
        static_cast<uint32_t>(std::min(kLanes * kWord / access.bytes, size_t{32}));
    for (uint32_t first = 0; first < kLanes; first += together) {
      std::vector<size_t> offsets;
      for (uint32_t lane = first; lane < first + together; ++lane) {
        if ((access.lanes >> lane & 1) != 0) offsets.push_back(access.offsets[lane]);
      }
      if (offsets.empty()) continue;
      ++traffic_->accesses;
      traffic_->turns += turns_of(offsets, access.bytes);
    }
  }
  warps_[warp].clear();
}

void BankConflicts::settle_all() {
  for (uint32_t warp = 0; warp < warps_.size(); ++warp) settle(warp);
}

}  // namespace leia::emulator
