// Finds libcublasLt on this machine. It is 0.5 GB and comes with the toolkit or with PyTorch, so it
// is neither linked nor shipped.
#include <dlfcn.h>

#include "core/error.h"
#include "cuda/cublaslt.h"
#include "cuda/library_search.h"

namespace leia::cublaslt {

namespace {

template <class Function>
void resolve(void* handle, const std::string& path, const char* name, Function& function) {
  void* symbol = dlsym(handle, name);
  if (symbol == nullptr) {
    fail("unavailable", text(path, " has no ", name, "; expected cuBLASLt 11 or newer"));
  }
  function = reinterpret_cast<Function>(symbol);
}

Library open_library() {
  const OpenLibrary found = open_cuda_library("cublasLt", "LEIA_CUBLASLT", {"13", "12", "11"});
  Library library;
  library.path = found.path;
  const auto get = [&](const char* name, auto& function) {
    resolve(found.handle, found.path, name, function);
  };
  get("cublasLtGetVersion", library.get_version);
  get("cublasLtGetStatusString", library.get_status_string);
  get("cublasLtCreate", library.create);
  get("cublasLtDestroy", library.destroy);
  get("cublasLtMatmulDescCreate", library.matmul_description_create);
  get("cublasLtMatmulDescDestroy", library.matmul_description_destroy);
  get("cublasLtMatmulDescSetAttribute", library.matmul_description_set_attribute);
  get("cublasLtMatrixLayoutCreate", library.matrix_layout_create);
  get("cublasLtMatrixLayoutDestroy", library.matrix_layout_destroy);
  get("cublasLtMatmulPreferenceCreate", library.matmul_preference_create);
  get("cublasLtMatmulPreferenceDestroy", library.matmul_preference_destroy);
  get("cublasLtMatmulPreferenceSetAttribute", library.matmul_preference_set_attribute);
  get("cublasLtMatmulAlgoGetHeuristic", library.matmul_get_heuristic);
  get("cublasLtMatmul", library.matmul);
  return library;
}

}  // namespace

const Library& installed_library() {
  static const Library opened = open_library();
  return opened;
}

}  // namespace leia::cublaslt
