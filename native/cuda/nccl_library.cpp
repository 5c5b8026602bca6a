// Finds libnccl on this machine. It is 0.25 GB and comes with PyTorch or as a package of NVIDIA's,
// so it is neither linked nor shipped. It needs no CUDA library beside it.
#include <dlfcn.h>

#include <type_traits>

#include "core/error.h"
#include "cuda/library_search.h"
#include "cuda/nccl.h"

namespace leia::nccl {

namespace {

// Fills the table. Returns what is wrong with the library; empty if that is nothing.
std::string resolve(const OpenLibrary& found, Library& library) {
  const std::string expected = text("expected NCCL ", version_text(kOldestVersion), " or newer");
  std::string problem;
  const auto get = [&](const char* name, auto& function) {
    void* symbol = dlsym(found.handle, name);
    if (symbol == nullptr && problem.empty()) problem = text("it has no ", name, ", ", expected);
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol);
  };
  library.path = found.path;
  get("ncclGetVersion", library.get_version);
  int version = 0;
  if (problem.empty() && library.get_version(&version) == kSuccess && version < kOldestVersion) {
    return text("it is version ", version_text(version), ", ", expected);
  }
  get("ncclGetErrorString", library.get_error_string);
  get("ncclGetLastError", library.get_last_error);
  get("ncclGetUniqueId", library.get_unique_id);
  get("ncclCommInitRankConfig", library.init);
  get("ncclCommFinalize", library.finalize);
  get("ncclCommDestroy", library.destroy);
  get("ncclCommAbort", library.abort);
  get("ncclCommGetAsyncError", library.get_async_error);
  get("ncclGroupStart", library.group_start);
  get("ncclGroupEnd", library.group_end);
  get("ncclAllReduce", library.all_reduce);
  get("ncclReduceScatter", library.reduce_scatter);
  get("ncclAllGather", library.all_gather);
  get("ncclBroadcast", library.broadcast);
  get("ncclReduce", library.reduce);
  return problem;
}

Library open_library() {
  const WantedLibrary wanted{.name = "nccl",
                             .variable = "LEIA_NCCL",
                             .versions = {"2"},
                             .advice = "'pip install nvidia-nccl-cu13' (or -cu12) brings it"};
  Library library;
  open_cuda_library(wanted, [&](const OpenLibrary& found) { return resolve(found, library); });
  return library;
}

}  // namespace

const Library& installed_library() {
  static const Library opened = open_library();
  return opened;
}

// Before 2.9 the minor version took one digit.
std::string version_text(int version) {
  const int scale = version < 10000 ? 1000 : 10000;
  return text(version / scale, ".", version % scale / 100, ".", version % 100);
}

std::string describe(const Library& library) {
  int version = 0;
  library.get_version(&version);
  return text("NCCL ", version_text(version), " in ", library.path);
}

}  // namespace leia::nccl
