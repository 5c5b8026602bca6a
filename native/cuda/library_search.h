// Looks for a CUDA library at run time, in a fixed order: the file that an environment variable
// names; the loader's own path (LD_LIBRARY_PATH, ld.so.conf); the toolkit's folders (CUDA_HOME,
// CUDA_PATH, /usr/local/cuda*); the packages of the Pythons that can be seen (VIRTUAL_ENV,
// CONDA_PREFIX, python3 on PATH, ~/.local, /usr, /usr/local), where PyTorch brings it.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace leia {

struct OpenLibrary {
  void* handle;
  std::string path;
};

// What is wrong with a library that was opened; empty if it can be used.
using LibraryCheck = std::function<std::string(const OpenLibrary&)>;

struct WantedLibrary {
  const char* name;                   // as in lib<name>.so.<version>
  const char* variable;               // the environment variable that names a file
  std::vector<std::string> versions;  // in the order they are tried
  const char* advice;                 // how to get it: "'pip install ...'"
};

// The first library that passes the check is taken; after one that does not, such as one for a
// newer driver, the search goes on. Throws "unavailable" with one line: what was searched, what was
// wrong with what was found, and how to get it.
OpenLibrary open_cuda_library(const WantedLibrary& wanted, const LibraryCheck& check);

}  // namespace leia
