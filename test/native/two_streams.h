// A collective that is held up on a device's second stream, and what kernels on the first do
// meanwhile.
#pragma once

#include <string>
#include <vector>

namespace leia::emulator_test {

// A collective copies its input to its output once it is let go. That happens when all that follows
// it has been launched and had time to run, if it does not wait. What the scenarios give:
//
//   beside   the collective's output; 1 if a kernel that uses other memory ran before it was let
//            go; 1 if it is known to have taken as long as it was held up
//   after    a kernel's copy of the collective's output
//   before   the output of a collective whose input a held kernel writes
//   over     the output of a collective whose input a later kernel writes; that input
//   barrier  1 if a kernel ran after a collective without tensors; 1 if it did so too early
//   freed    the output of a collective whose input was freed, and as much memory allocated and
//            written; 1 if that was the same memory; bytes that are live in the end
//   passed   the same, where a kernel has read the collective's output before
std::vector<float> beside_a_collective(const std::string& scenario);

}  // namespace leia::emulator_test
