// Stands in for NCCL where there is none: the same functions, behind which ranks on emulated
// devices, in one process or in several, exchange their data over a hub (nccl_hub.h). It checks
// what the library only assumes: that all ranks issue the same calls in the same order, with the
// same counts, types and roots, and that none is missing. A rank that differs is named in the error
// that ncclCommGetAsyncError and ncclGetLastError report. It is as unforgiving as the library may
// be: what is sent is read when the stream comes to it, and what is received is garbage until the
// end.
#include "cuda/nccl.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/error.h"
#include "emulator/launch.h"
#include "emulator/nccl_hub.h"
#include "emulator/places.h"

namespace leia::nccl {

namespace {

using emulator::NcclCall;
using emulator::NcclCallKind;

// A rank's end of the connection. Work on the stream may outlive the communicator.
struct Link {
  explicit Link(int own) : connection(own) {}
  ~Link() { close(connection); }

  const int connection;
  const int device = emulator::current_device();
  int rank = 0, ranks = 1;
  uint64_t number = 0;   // of calls; of the calling thread
  bool is_busy = false;  // until the state was asked for; of the calling thread
  std::mutex mutex;      // of the two below
  Result state = kInProgress;
  std::string error;

  void end(Result result, const std::string& text) {
    std::lock_guard lock(mutex);
    if (state != kSuccess && state != kInProgress) return;
    state = result;
    error = text;
  }
  bool is_sound() {
    std::lock_guard lock(mutex);
    return state == kSuccess;
  }
  // Waits for the hub's answer, and puts what it gives there. False after an error.
  bool receive(void* to, size_t bytes) {
    emulator::NcclReply reply{};
    if (!emulator::receive_bytes(connection, &reply, sizeof(reply))) {
      end(kRemoteError, "the other ranks are gone");
      return false;
    }
    std::string problem(reply.error_bytes, ' ');
    emulator::receive_bytes(connection, problem.data(), problem.size());
    if (!problem.empty()) end(kRemoteError, problem);
    return problem.empty() && reply.output_bytes == bytes &&
           emulator::receive_bytes(connection, to, bytes);
  }
};

}  // namespace

struct CommunicatorOpaque {
  std::shared_ptr<Link> link;
};

namespace {

// What the calling thread's open group has used.
thread_local int group_depth = 0;
thread_local std::vector<std::shared_ptr<Link>> in_group;

size_t size_of(DataType type) {
  return type == kFloat32 ? sizeof(float) : 1;
}

Result get_unique_id(UniqueId* id) {
  const std::string name = emulator::open_nccl_hub();
  *id = {};
  std::memcpy(id->bytes, name.data(), name.size());
  return kSuccess;
}

// Goes on in a thread of its own, as it would in the library.
Result init(Communicator* communicator, int ranks, UniqueId id, int rank, Config* config) {
  if (config->magic != Config{}.magic || config->blocking != 0 || rank < 0 || rank >= ranks) {
    return kInvalidArgument;
  }
  const int connection = emulator::connect_nccl_hub(id.bytes);
  if (connection < 0) return kSystemError;
  auto link = std::make_shared<Link>(connection);
  link->rank = rank;
  link->ranks = ranks;
  *communicator = new CommunicatorOpaque{link};
  std::thread([link] {
    const NcclCall call{.kind = NcclCallKind::join,
                        .rank = link->rank,
                        .ranks = link->ranks,
                        .device = link->device};
    emulator::send_bytes(link->connection, &call, sizeof(call));
    if (link->receive(nullptr, 0)) link->end(kSuccess, "");
  }).detach();
  return kInProgress;
}

Result get_async_error(Communicator communicator, Result* state) {
  Link& link = *communicator->link;
  std::lock_guard lock(link.mutex);
  *state = link.state == kSuccess && link.is_busy ? kInProgress : link.state;
  link.is_busy = false;
  return kSuccess;
}

const char* get_last_error(Communicator communicator) {
  if (communicator == nullptr) return "";
  std::lock_guard lock(communicator->link->mutex);
  return communicator->link->error.c_str();
}

const char* error_string(Result result) {
  switch (result) {
    case kSystemError:
      return "unhandled system error";
    case kInvalidArgument:
      return "invalid argument";
    case kInvalidUsage:
      return "invalid usage";
    default:
      return "remote process exited or there was a network error";
  }
}

Result finalize(Communicator communicator) {
  communicator->link->is_busy = true;
  return kInProgress;
}

Result destroy(Communicator communicator) {
  delete communicator;
  return kSuccess;
}

// What waits for the hub hears the end of the connection.
Result abort(Communicator communicator) {
  communicator->link->end(kRemoteError, "aborted");
  shutdown(communicator->link->connection, SHUT_RDWR);
  return destroy(communicator);
}

Result group_start() {
  ++group_depth;
  return kSuccess;
}

Result group_end() {
  if (group_depth == 0) return kInvalidUsage;
  if (--group_depth > 0) return kSuccess;
  for (const auto& link : in_group) link->is_busy = true;
  in_group.clear();
  return kInProgress;
}

// One side of a call: memory of the stream's device.
struct Buffer {
  std::byte* data;
  size_t bytes;

  bool is_on(int device) const {
    return bytes == 0 || emulator::device_of_memory(data, bytes) == device;
  }
  bool overlaps(const Buffer& other) const {
    return data < other.data + other.bytes && other.data < data + bytes;
  }
};

// `in_place` is where in the larger of the two buffers the smaller one may lie.
Result issue(NcclCall call, Buffer from, Buffer to, size_t in_place, Communicator communicator,
             gpu::Stream stream) {
  const std::shared_ptr<Link> link = communicator->link;
  if (link->is_busy || !link->is_sound()) return kInvalidUsage;
  const bool is_placed =
      from.bytes < to.bytes ? from.data == to.data + in_place : to.data == from.data + in_place;
  if (call.root < 0 || call.root >= link->ranks || emulator::device_of(stream) != link->device ||
      !from.is_on(link->device) || !to.is_on(link->device) || (from.overlaps(to) && !is_placed)) {
    return kInvalidArgument;
  }
  group_start();
  in_group.push_back(link);
  call.number = link->number++;
  call.input_bytes = from.bytes;
  emulator::queue(stream, [=] {
    if (!link->is_sound()) return;
    const bool is_sent = emulator::send_bytes(link->connection, &call, sizeof(call)) &&
                         emulator::send_bytes(link->connection, from.data, from.bytes);
    if (to.bytes > 0) std::memset(to.data, 0xff, to.bytes);
    if (is_sent) {
      link->receive(to.data, to.bytes);
    } else {
      link->end(kRemoteError, "the other ranks are gone");
    }
  });
  return group_end();
}

Buffer buffer(const void* data, size_t bytes) {
  return {static_cast<std::byte*>(const_cast<void*>(data)), bytes};
}

bool is_sum(DataType type, Reduction reduction) {
  return type == kFloat32 && reduction == kSum;
}

Result all_reduce(const void* from, void* to, size_t count, DataType type, Reduction reduction,
                  Communicator communicator, gpu::Stream stream) {
  if (!is_sum(type, reduction)) return kInvalidArgument;
  const size_t bytes = count * sizeof(float);
  return issue({.kind = NcclCallKind::all_reduce, .type = type, .count = count},
               buffer(from, bytes), buffer(to, bytes), 0, communicator, stream);
}

Result reduce_scatter(const void* from, void* to, size_t count, DataType type, Reduction reduction,
                      Communicator communicator, gpu::Stream stream) {
  if (!is_sum(type, reduction)) return kInvalidArgument;
  const auto rank = static_cast<size_t>(communicator->link->rank);
  const auto ranks = static_cast<size_t>(communicator->link->ranks);
  const size_t bytes = count * sizeof(float);
  return issue({.kind = NcclCallKind::reduce_scatter, .type = type, .count = count},
               buffer(from, ranks * bytes), buffer(to, bytes), rank * bytes, communicator, stream);
}

Result all_gather(const void* from, void* to, size_t count, DataType type,
                  Communicator communicator, gpu::Stream stream) {
  const auto rank = static_cast<size_t>(communicator->link->rank);
  const auto ranks = static_cast<size_t>(communicator->link->ranks);
  const size_t bytes = count * size_of(type);
  return issue({.kind = NcclCallKind::all_gather, .type = type, .count = count},
               buffer(from, bytes), buffer(to, ranks * bytes), rank * bytes, communicator, stream);
}

Result broadcast(const void* from, void* to, size_t count, DataType type, int root,
                 Communicator communicator, gpu::Stream stream) {
  const bool is_root = communicator->link->rank == root;
  const size_t bytes = count * size_of(type);
  return issue({.kind = NcclCallKind::broadcast, .type = type, .root = root, .count = count},
               buffer(from, is_root ? bytes : 0), buffer(to, bytes), 0, communicator, stream);
}

Result reduce(const void* from, void* to, size_t count, DataType type, Reduction reduction,
              int root, Communicator communicator, gpu::Stream stream) {
  if (!is_sum(type, reduction)) return kInvalidArgument;
  const bool is_root = communicator->link->rank == root;
  const size_t bytes = count * sizeof(float);
  return issue({.kind = NcclCallKind::reduce, .type = type, .root = root, .count = count},
               buffer(from, bytes), buffer(to, is_root ? bytes : 0), 0, communicator, stream);
}

}  // namespace

const Library& library() {
  static const Library stand_in{
      .path = "the emulator",
      .get_version =
          [](int* version) {
            *version = kOldestVersion;
            return kSuccess;
          },
      .get_error_string = error_string,
      .get_last_error = get_last_error,
      .get_unique_id = get_unique_id,
      .init = init,
      .finalize = finalize,
      .destroy = destroy,
      .abort = abort,
      .get_async_error = get_async_error,
      .group_start = group_start,
      .group_end = group_end,
      .all_reduce = all_reduce,
      .reduce_scatter = reduce_scatter,
      .all_gather = all_gather,
      .broadcast = broadcast,
      .reduce = reduce,
  };
  return stand_in;
}

}  // namespace leia::nccl
