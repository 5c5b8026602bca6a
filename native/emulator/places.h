// Which emulated device is whose, for what checks that they are not mixed.
#pragma once

#include <cstddef>

#include "cuda/runtime.h"

namespace leia::emulator {

// Of the calling thread.
int current_device();
int device_of(gpu::Stream stream);
// -1 if not all of these bytes are one device's.
int device_of_memory(const void* address, size_t bytes);

}  // namespace leia::emulator
