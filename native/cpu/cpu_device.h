// The CPU as a device: a thread serves its stream, the shared thread pool runs each kernel.
#pragma once

#include <memory>

#include "core/device.h"

namespace leia {

// Always the same device.
std::shared_ptr<Device> open_cpu_device();

}  // namespace leia
