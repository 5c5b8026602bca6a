// The part of NCCL that ranks on GPUs need, as a table of functions: filled from the library found
// at run time (nccl_library.cpp), or by the emulator's stand-in (emulator/nccl.cpp). Names, values
// and layouts are those of nccl.h, versions 2.19 to 2.30; it is not included because building needs
// no CUDA libraries.
#pragma once

#include <cstddef>
#include <string>

#include "cuda/runtime.h"

namespace leia::nccl {

// The oldest version that is taken, as NCCL writes it. Calls need not block since 2.14, but before
// 2.19 such a call's rest is the affair of the thread that made it: abort() from another one does
// not wait for it, and takes the communicator away from under it.
constexpr int kOldestVersion = 21901;

using Result = int;  // ncclResult_t
constexpr Result kSuccess = 0;
constexpr Result kSystemError = 2;
constexpr Result kInvalidArgument = 4;
constexpr Result kInvalidUsage = 5;
constexpr Result kRemoteError = 6;
constexpr Result kInProgress = 7;

enum DataType : int { kBytes = 1, kFloat32 = 7 };  // ncclUint8, ncclFloat32
enum Reduction : int { kSum = 0 };                 // ncclRedOp_t

struct UniqueId {
  char bytes[128];
};

// ncclConfig_t as version 2.14 has it. Later versions have more members behind these; they take
// from `size` and `version` that those are not given, and use what they do by default.
struct Config {
  size_t size = 20;  // of these members
  unsigned magic = 0xcafebeef;
  unsigned version = 21400;
  int blocking = 0;  // 0: calls return kInProgress, and get_async_error says when they are done
};
static_assert(offsetof(Config, blocking) + sizeof(int) == 20);

using Communicator = struct CommunicatorOpaque*;  // ncclComm_t

struct Library {
  std::string path;  // where it was found
  Result (*get_version)(int*);
  const char* (*get_error_string)(Result);
  const char* (*get_last_error)(Communicator);  // of the calling thread's process, in words
  Result (*get_unique_id)(UniqueId*);
  Result (*init)(Communicator*, int ranks, UniqueId, int rank, Config*);
  Result (*finalize)(Communicator);
  Result (*destroy)(Communicator);
  Result (*abort)(Communicator);
  Result (*get_async_error)(Communicator, Result*);
  Result (*group_start)();
  Result (*group_end)();
  // `count` is that of the elements that a rank gives; for the second and third it is the smaller
  // side's.
  Result (*all_reduce)(const void* from, void* to, size_t count, DataType, Reduction, Communicator,
                       gpu::Stream);
  Result (*reduce_scatter)(const void* from, void* to, size_t count, DataType, Reduction,
                           Communicator, gpu::Stream);
  Result (*all_gather)(const void* from, void* to, size_t count, DataType, Communicator,
                       gpu::Stream);
  Result (*broadcast)(const void* from, void* to, size_t count, DataType, int root, Communicator,
                      gpu::Stream);
  Result (*reduce)(const void* from, void* to, size_t count, DataType, Reduction, int root,
                   Communicator, gpu::Stream);
};

// The one on this machine, found and opened at first use. Throws "unavailable" with where it was
// looked for, what was wrong with what was found, and how to get it.
const Library& installed_library();

// What this build's ranks go over: the installed one, or the emulator's stand-in.
const Library& library();

// "2.30.7" of 23007.
std::string version_text(int version);
// "NCCL 2.30.7 in /usr/lib/libnccl.so.2"
std::string describe(const Library& library);

}  // namespace leia::nccl
