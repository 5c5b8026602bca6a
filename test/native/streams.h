// What only native code sees of streams and threads, for JavaScript's tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace leia::emulator_test {

// Reads a tensor of 1, 2, 3, ... behind a kernel that does not end before later work, which
// overwrites the tensor, has been launched. Gives whether the read was done by then, and the values
// read. Never returns if the launching thread waits for the read, as it does for many values unless
// they go to pinned memory.
std::vector<float> read_behind_a_kernel(int64_t elements, bool into_pinned);

// What pinned memory holds once the stream is past a copy of `value` to it, and after the wait.
std::vector<float> copy_to_pinned(float value);

// On a pool of so many threads: a loop whose iterations from `first` on throw, `kind` says what,
// and a loop that does not, three times. Each time what was thrown; how many iterations were
// called after the loop had returned; and the sum of the second loop's indices.
std::vector<float> loops_that_throw(int threads, int64_t count, int64_t first,
                                    const std::string& kind);

}  // namespace leia::emulator_test
