// Which GPUs reach each other's memory, for `leia doctor`; from the same two places as
// cuda/runtime.h.
#pragma once

namespace leia::gpu {

// Whether one can read and write the memory of the other, without the host's help.
bool can_access_peer(int ordinal, int peer);

}  // namespace leia::gpu
