// Where the ranks of the emulator's NCCL meet: a thread that takes each rank's call, over a socket,
// until all have come; compares them; and gives each its result. Ranks may be in one process or in
// several on one machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace leia::emulator {

enum class NcclCallKind : int32_t {
  join,
  all_reduce,
  reduce_scatter,
  all_gather,
  broadcast,
  reduce
};

// A call of one rank. What it gives follows: `count` elements for each rank in a reduce-scatter, of
// the root alone in a broadcast, and of each rank otherwise.
struct NcclCall {
  NcclCallKind kind;
  int32_t type, root;
  int32_t rank, ranks, device;  // when it joins
  uint64_t count;
  uint64_t number;  // of calls before it
  uint64_t input_bytes;

  bool operator==(const NcclCall& other) const;  // as far as all ranks must do the same
  // "ncclAllReduce of 3 float32 as number 5"
  std::string to_string() const;
};

// What comes back: the text of an error, or what the rank receives.
struct NcclReply {
  uint64_t error_bytes;
  uint64_t output_bytes;
};

// Opens a hub for one group of ranks, which ends when they have left. Returns its name.
std::string open_nccl_hub();
// A connection to the hub; -1 if it cannot be reached.
int connect_nccl_hub(const std::string& name);

// All of the bytes, or false if the connection ends.
bool send_bytes(int connection, const void* data, size_t bytes);
bool receive_bytes(int connection, void* data, size_t bytes);

}  // namespace leia::emulator
