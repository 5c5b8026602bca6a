// The CPU as a device: a thread serves its stream, the shared thread pool runs each kernel.
#pragma once

#include <memory>

#include "core/device.h"

namespace leia {

// A new device; each has a stream of its own.
std::shared_ptr<Device> open_cpu_device();

}  // namespace leia
