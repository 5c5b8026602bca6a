#include "cuda/library_search.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "core/error.h"

namespace leia {

namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Subfolders whose names begin so, the last in the alphabet first: of several versions the newest.
std::vector<fs::path> subfolders(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> result;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().filename().string().starts_with(prefix)) result.push_back(entry.path());
  }
  std::sort(result.rbegin(), result.rend());
  return result;
}

void add_toolkits(std::vector<fs::path>& folders) {
  std::vector<fs::path> toolkits;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
    if (const std::string home = environment(variable); !home.empty()) toolkits.push_back(home);
  }
  for (const fs::path& folder : subfolders("/usr/local", "cuda")) toolkits.push_back(folder);
  for (const fs::path& toolkit : toolkits) folders.push_back(toolkit / "lib64");
}

// Where the Pythons on PATH are installed. Each may be a link to the next: from /usr/local/bin to a
// virtual environment, from there to the system's.
void add_pythons_on_path(std::vector<fs::path>& prefixes) {
  std::istringstream path(environment("PATH"));
  for (std::string folder; std::getline(path, folder, ':');) {
    if (folder.empty()) continue;
    fs::path python = fs::path(folder) / "python3";
    std::error_code problem;
    for (int links = 0; links < 8 && fs::exists(python, problem); ++links) {
      prefixes.push_back(python.parent_path().parent_path());
      const fs::path next = fs::read_symlink(python, problem);
      if (problem) break;
      python = (python.parent_path() / next).lexically_normal();
    }
  }
}

void add_python_packages(std::vector<fs::path>& folders) {
  std::vector<fs::path> prefixes;
  for (const char* variable : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    if (const std::string prefix = environment(variable); !prefix.empty()) {
      prefixes.push_back(prefix);
    }
  }
  add_pythons_on_path(prefixes);
  if (const std::string home = environment("HOME"); !home.empty()) {
    prefixes.push_back(fs::path(home) / ".local");
  }
  prefixes.push_back("/usr/local");
  prefixes.push_back("/usr");
  std::vector<fs::path> seen;
  for (const fs::path& prefix : prefixes) {
    if (std::ranges::find(seen, prefix) != seen.end()) continue;
    seen.push_back(prefix);
    for (const fs::path& python : subfolders(prefix / "lib", "python3")) {
      for (const char* packages : {"site-packages", "dist-packages"}) {
        // Since CUDA 13 there is one folder for all libraries, before that one for each.
        for (const fs::path& group : subfolders(python / packages / "nvidia", "")) {
          folders.push_back(group / "lib");
        }
      }
    }
  }
}

}  // namespace

OpenLibrary open_cuda_library(const WantedLibrary& wanted, const LibraryCheck& check) {
  const auto& [name, variable, versions, advice] = wanted;
  // What is wrong with the library, empty if nothing is.
  const auto open = [&](OpenLibrary& library) -> std::string {
    library.handle = dlopen(library.path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library.handle == nullptr) {
      const char* reason = dlerror();
      return reason == nullptr ? "no reason given" : reason;
    }
    std::string problem = check(library);
    if (!problem.empty()) dlclose(library.handle);
    return problem;
  };
  if (const std::string explicit_path = environment(variable); !explicit_path.empty()) {
    OpenLibrary library{nullptr, explicit_path};
    const std::string problem = open(library);
    if (problem.empty()) return library;
    fail("unavailable",
         text(variable, " names ", explicit_path, ", which cannot be used: ", problem));
  }
  std::vector<fs::path> folders{""};  // the loader's own path
  add_toolkits(folders);
  add_python_packages(folders);
  std::string problems;
  for (const fs::path& folder : folders) {
    for (const std::string& version : versions) {
      OpenLibrary library{nullptr, folder / text("lib", name, ".so.", version)};
      std::error_code ignored;
      if (!folder.empty() && !fs::exists(library.path, ignored)) continue;
      const std::string problem = open(library);
      if (problem.empty()) return library;
      // If the loader has none on its own path, that is no problem of a library.
      if (!folder.empty() || library.handle != nullptr) {
        problems += text("; ", library.path, " cannot be used: ", problem);
      }
    }
  }
  std::string searched = "the loader's path";
  for (const fs::path& folder : folders) {
    std::error_code ignored;
    if (!folder.empty() && fs::is_directory(folder, ignored))
      searched += text(", ", folder.string());
  }
  const std::string range =
      versions.size() == 1 ? versions.front() : text(versions.front(), " to ", versions.back());
  fail("unavailable", text("no usable lib", name, ".so (", range, ") was found in ", searched,
                           problems, "; ", advice, ", or name the file in ", variable));
}

}  // namespace leia
