// Looks for a CUDA library at run time, in a fixed order: the file that an environment variable
// names; the loader's own path (LD_LIBRARY_PATH, ld.so.conf); the toolkit's folders (CUDA_HOME,
// CUDA_PATH, /usr/local/cuda*); the packages of the Pythons that can be seen (VIRTUAL_ENV,
// CONDA_PREFIX, python3 on PATH, ~/.local, /usr, /usr/local), where PyTorch brings it.
#pragma once

#include <string>
#include <vector>

namespace leia {

struct OpenLibrary {
  void* handle;
  std::string path;
};

// `name` as in lib<name>.so.<version>; versions in the order they are tried. Throws "unavailable"
// with one line: what was searched and how to get it.
OpenLibrary open_cuda_library(const std::string& name, const char* variable,
                              const std::vector<std::string>& versions);

}  // namespace leia
