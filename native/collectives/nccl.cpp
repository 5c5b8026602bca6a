#include "collectives/nccl.h"

#include "cuda/nccl.h"

namespace leia {

namespace {

const NcclSupport& support() {
  if (nccl_support.open == nullptr) {
    fail("unavailable",
         "ranks on GPUs are not part of this build, which was made without nvcc; use --device cpu");
  }
  return nccl_support;
}

}  // namespace

std::string make_nccl_id() {
  return support().make_id();
}

std::shared_ptr<Communicator> open_nccl(const std::shared_ptr<Device>& device,
                                        const std::string& id, int rank, int ranks) {
  require(device->kind() == DeviceKind::cuda, "NCCL connects GPUs, not ", device->name());
  require(rank >= 0 && rank < ranks, "there is no rank ", rank, " among ", ranks);
  return support().open(device, id, rank, ranks);
}

std::string nccl_description() {
  if (nccl_support.describe != nullptr) return nccl_support.describe();
  return nccl::describe(nccl::installed_library());
}

}  // namespace leia
