// A collective that is held up on a device's second stream, and what kernels on the first do
// meanwhile.
#pragma once

#include <string>
#include <vector>

namespace leia::emulator_test {

// Each gives what the last tensor of a chain holds in the end, and something that shows how it came
// there. A collective copies its input to its output once it is let go, which happens when all that
// follows it has been launched and had time to run, if it does not wait.
//
//   "beside"   the collective's output; 1 if a kernel that uses other memory ran before it was let
//   go "after"    a kernel's copy of the collective's output "before"   the output of a collective
//   whose input a held kernel writes "over"     the output of a collective whose input a later
//   kernel writes "barrier"  1 if a kernel after a collective without tensors ran before that was
//   let go "freed"    the output of a collective whose input was freed, and its size allocated and
//   written;
//              1 if that was the same memory; bytes that are live in the end
//   "passed"   the same, where a kernel has read the collective's output before
std::vector<float> beside_a_collective(const std::string& scenario);

}  // namespace leia::emulator_test
