// Whether to run the kernels that only Hopper has the instructions for.
#pragma once

#include <cstdlib>
#include <string_view>

#include "cuda/runtime.h"

namespace leia {

// On compute capability 9.x, and only with LEIA_HOPPER=1: compute-sanitizer's racecheck has not
// come to its end on them (docs/decisions/hopper.md).
inline bool use_hopper_kernels() {
  static const bool wanted = [] {
    const char* value = std::getenv("LEIA_HOPPER");
    return value != nullptr && std::string_view(value) == "1";
  }();
  return wanted && gpu::compute_capability_major() == 9;
}

}  // namespace leia
