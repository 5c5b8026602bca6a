// Ranks on GPUs, connected by NCCL: what the rest of the addon sees of them, whether this build has
// them or not.
#pragma once

#include <memory>
#include <string>

#include "collectives/communicator.h"

namespace leia {

// Set where CUDA, or the emulator in its place, is linked in (nccl_communicator.cpp).
struct NcclSupport {
  std::string (*make_id)() = nullptr;
  std::shared_ptr<Communicator> (*open)(const std::shared_ptr<Device>& device,
                                        const std::string& id, int rank, int ranks) = nullptr;
  std::string (*describe)() = nullptr;
  // Whether a GPU reaches the memory of another.
  bool (*can_access_peer)(int ordinal, int peer) = nullptr;
};
inline NcclSupport nccl_support;

// What the ranks of a run find each other by, in hexadecimal digits: one of them makes it. Throws
// "unavailable" where there is no NCCL, or no network for it.
std::string make_nccl_id();
// One of so many ranks, on this device. Ranks meet at their first collective.
std::shared_ptr<Communicator> open_nccl(const std::shared_ptr<Device>& device,
                                        const std::string& id, int rank, int ranks);
// The NCCL that ranks would use, in words; also in a build without CUDA. Throws "unavailable" with
// the way to get it.
std::string nccl_description();

}  // namespace leia
