// What a device with two streams needs of the CUDA runtime beside cuda/runtime.h, from the same two
// places.
#pragma once

#include "cuda/runtime.h"

namespace leia::gpu {

// What is queued on the stream from now on begins when the event, which was recorded on another
// one, is reached. The event may be destroyed at once.
void wait(Stream stream, Event event);
// Without waiting; throws the error of a kernel.
bool is_reached(Event event);

}  // namespace leia::gpu
