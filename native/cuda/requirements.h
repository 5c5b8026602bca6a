// What this build asks of a driver and of a GPU, checked before either is used, so that a machine
// that lacks it is told what to change.
#pragma once

#include <string>

namespace leia {

// "13.0" of 13000, as CUDA counts its versions.
std::string cuda_version_text(int version);

// Throws "unavailable" if a driver for that version of CUDA cannot run what was built with
// `toolkit`; 0 stands for no driver.
void require_driver(int driver, int toolkit);

// Throws "unavailable" if the GPU of that compute capability has no kernels in this build.
void require_capability(const std::string& device, int major, int minor);

}  // namespace leia
