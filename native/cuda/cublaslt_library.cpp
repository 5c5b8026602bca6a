// Finds libcublasLt on this machine. It is 0.5 GB and comes with the toolkit or with PyTorch, so it
// is neither linked nor shipped.
#include <dlfcn.h>

#include <type_traits>

#include "core/error.h"
#include "cuda/cublaslt.h"
#include "cuda/library_search.h"

namespace leia::cublaslt {

namespace {

// Fills the table. Returns what the library lacks; empty if that is nothing.
std::string resolve(const OpenLibrary& found, Library& library) {
  std::string missing;
  const auto get = [&](const char* name, auto& function) {
    void* symbol = dlsym(found.handle, name);
    if (symbol == nullptr && missing.empty()) {
      missing = text("it has no ", name, ", expected cuBLASLt 11 or newer");
    }
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol);
  };
  library.path = found.path;
  get("cublasLtGetVersion", library.get_version);
  get("cublasLtGetStatusString", library.get_status_string);
  get("cublasLtCreate", library.create);
  get("cublasLtDestroy", library.destroy);
  get("cublasLtMatmulDescCreate", library.matmul_description_create);
  get("cublasLtMatmulDescDestroy", library.matmul_description_destroy);
  get("cublasLtMatmulDescSetAttribute", library.matmul_description_set_attribute);
  get("cublasLtMatrixLayoutCreate", library.matrix_layout_create);
  get("cublasLtMatrixLayoutDestroy", library.matrix_layout_destroy);
  get("cublasLtMatrixLayoutSetAttribute", library.matrix_layout_set_attribute);
  get("cublasLtMatmulPreferenceCreate", library.matmul_preference_create);
  get("cublasLtMatmulPreferenceDestroy", library.matmul_preference_destroy);
  get("cublasLtMatmulPreferenceSetAttribute", library.matmul_preference_set_attribute);
  get("cublasLtMatmulAlgoGetHeuristic", library.matmul_get_heuristic);
  get("cublasLtMatmul", library.matmul);
  return missing;
}

// A library that is newer than the driver allows opens all the same; its first call says so.
std::string try_out(const Library& library) {
  Handle handle = nullptr;
  const Status status = library.create(&handle);
  if (status != kSuccess) {
    return text("version ", library.get_version(),
                ": cublasLtCreate: ", library.get_status_string(status),
                "; it may be for a newer driver than this machine's");
  }
  library.destroy(handle);
  return {};
}

Library open_library(bool on_gpu) {
  Library library;
  const WantedLibrary wanted{
      .name = "cublasLt",
      .variable = "LEIA_CUBLASLT",
      .versions = {"13", "12", "11"},
      .advice = "install the CUDA toolkit's cuBLAS or 'pip install nvidia-cublas'"};
  open_cuda_library(wanted, [&](const OpenLibrary& found) {
    const std::string missing = resolve(found, library);
    return missing.empty() && on_gpu ? try_out(library) : missing;
  });
  return library;
}

}  // namespace

const Library& installed_library(bool on_gpu) {
  if (on_gpu) {
    static const Library usable = open_library(true);
    return usable;
  }
  static const Library opened = open_library(false);
  return opened;
}

}  // namespace leia::cublaslt
