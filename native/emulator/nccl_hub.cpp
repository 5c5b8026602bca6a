#include "emulator/nccl_hub.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <span>
#include <thread>
#include <utility>

#include "core/odd_ranks.h"
#include "cuda/nccl.h"

namespace leia::emulator {

namespace {

using Clock = std::chrono::steady_clock;

// LEIA_EMULATOR_NCCL_TIMEOUT: seconds that ranks which have come wait for those that have not. The
// library itself waits for ever.
std::chrono::milliseconds patience() {
  const char* value = std::getenv("LEIA_EMULATOR_NCCL_TIMEOUT");
  const double seconds = value == nullptr ? 600 : std::strtod(value, nullptr);
  return std::chrono::milliseconds(static_cast<int64_t>(1000 * seconds));
}

// The address of a socket in the system's abstract namespace, where nothing is left behind.
std::pair<sockaddr_un, socklen_t> address_of(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  return {address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())};
}

// Whether the connection has something to say, or has ended, before that time.
bool is_heard(int connection, Clock::time_point until) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
  pollfd wanted{.fd = connection, .events = POLLIN};
  return poll(&wanted, 1, static_cast<int>(std::max<int64_t>(left, 0))) > 0;
}

// One rank, as the hub knows it.
struct Member {
  int connection = -1;
  NcclCall call{};
  std::vector<std::byte> input;
};

class Hub {
 public:
  explicit Hub(int listener) : listener_(listener) {}
  ~Hub() {
    close(listener_);
    for (const Member& member : members_) {
      if (member.connection >= 0) close(member.connection);
    }
  }

  void serve() {
    if (!gather()) return;
    while (wait_for_any()) {
      std::string problem = take_calls();
      if (problem.empty()) problem = difference();
      if (!problem.empty()) return reply_error(problem);
      reply_results();
    }
  }

 private:
  // Until all ranks have joined. The first says how many they are.
  bool gather() {
    Clock::time_point until{};
    size_t joined = 0;
    for (std::string problem; problem.empty();) {
      const bool is_first = joined == 0;
      if (!is_first && !is_heard(listener_, until)) {
        reply_error(text(list_of_ranks(missing()), " did not come to ncclCommInitRankConfig"));
        return false;
      }
      Member member{.connection = accept(listener_, nullptr, nullptr)};
      if (member.connection < 0) return false;
      NcclCall& call = member.call;
      if (!receive_bytes(member.connection, &call, sizeof(call))) {
        close(member.connection);
        continue;
      }
      if (is_first) {
        members_.resize(static_cast<size_t>(call.ranks));
        until = Clock::now() + patience();
      }
      const auto rank = static_cast<size_t>(call.rank);
      if (static_cast<size_t>(call.ranks) != members_.size()) {
        problem = text("rank ", call.rank, " joined as one of ", call.ranks, ", others as one of ",
                       members_.size());
      } else if (members_[rank].connection >= 0) {
        problem = text("two ranks joined as rank ", call.rank);
      }
      for (const Member& other : members_) {
        if (problem.empty() && other.connection >= 0 && other.call.device == call.device) {
          problem = text("ranks ", other.call.rank, " and ", call.rank,
                         " joined with one device, number ", call.device);
        }
      }
      if (!problem.empty()) {
        members_.push_back(member);  // it is told, too
        reply_error(problem);
        return false;
      }
      members_[rank] = member;
      if (++joined == members_.size()) break;
    }
    for (const Member& member : members_) reply(member, {});
    return true;
  }

  std::vector<size_t> missing() const {
    std::vector<size_t> result;
    for (size_t rank = 0; rank < members_.size(); ++rank) {
      if (members_[rank].connection < 0) result.push_back(rank);
    }
    return result;
  }

  // Until a rank calls; false when all have left.
  bool wait_for_any() {
    for (;;) {
      std::vector<pollfd> wanted;
      for (const Member& member : members_) {
        if (member.connection >= 0) wanted.push_back({.fd = member.connection, .events = POLLIN});
      }
      if (wanted.empty()) return false;
      poll(wanted.data(), wanted.size(), -1);
      for (const pollfd& one : wanted) {
        char byte;
        const ssize_t count = recv(one.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (count > 0) return true;
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        leave(*std::ranges::find(members_, one.fd, &Member::connection));
      }
    }
  }

  static void leave(Member& member) {
    close(member.connection);
    member.connection = -1;
  }

  // Returns which ranks do not come.
  std::string take_calls() {
    const Clock::time_point until = Clock::now() + patience();
    std::vector<size_t> late, gone;
    const Member* example = nullptr;
    for (size_t rank = 0; rank < members_.size(); ++rank) {
      Member& member = members_[rank];
      if (member.connection >= 0 && !is_heard(member.connection, until)) {
        late.push_back(rank);
      } else if (member.connection < 0 || !take_call(member)) {
        gone.push_back(rank);
      } else {
        example = &member;
      }
    }
    if (late.empty() && gone.empty()) return {};
    const std::string what = example == nullptr ? "a call" : example->call.to_string();
    if (!gone.empty()) return text(list_of_ranks(gone), " left before ", what);
    return text(list_of_ranks(late), " did not come to ", what);
  }

  static bool take_call(Member& member) {
    if (!receive_bytes(member.connection, &member.call, sizeof(member.call))) {
      leave(member);
      return false;
    }
    member.input.resize(member.call.input_bytes);
    return receive_bytes(member.connection, member.input.data(), member.input.size());
  }

  // Which ranks call for something else than the others; empty if none does.
  std::string difference() const {
    std::vector<NcclCall> calls;
    for (const Member& member : members_) calls.push_back(member.call);
    return odd_ranks(calls, [](const NcclCall& call) { return call.to_string(); });
  }

  // The sum over all ranks. As in a ring of ranks, each part of it begins with another one.
  std::vector<std::byte> sum() const {
    const size_t ranks = members_.size();
    const size_t elements = members_.front().input.size() / sizeof(float);
    std::vector<std::byte> result(elements * sizeof(float));
    auto* sums = reinterpret_cast<float*>(result.data());
    const auto of = [&](size_t rank, size_t i) {
      return reinterpret_cast<const float*>(members_[rank].input.data())[i];
    };
    for (size_t i = 0; i < elements; ++i) {
      const size_t first = i * ranks / elements + 1;
      sums[i] = of(first % ranks, i);
      for (size_t step = 1; step < ranks; ++step) sums[i] += of((first + step) % ranks, i);
    }
    return result;
  }

  void reply_results() {
    const NcclCall& call = members_.front().call;
    const auto root = static_cast<size_t>(call.root);
    std::vector<std::byte> whole;
    if (call.kind == NcclCallKind::broadcast) {
      whole = members_[root].input;
    } else if (call.kind == NcclCallKind::all_gather) {
      for (const Member& member : members_) {
        whole.insert(whole.end(), member.input.begin(), member.input.end());
      }
    } else {
      whole = sum();
    }
    const size_t part = whole.size() / members_.size();
    for (size_t rank = 0; rank < members_.size(); ++rank) {
      std::span<const std::byte> own = whole;
      if (call.kind == NcclCallKind::reduce_scatter) own = own.subspan(rank * part, part);
      if (call.kind == NcclCallKind::reduce && rank != root) own = {};
      reply(members_[rank], own);
    }
  }

  static void reply(const Member& member, std::span<const std::byte> output) {
    const NcclReply head{.error_bytes = 0, .output_bytes = output.size()};
    send_bytes(member.connection, &head, sizeof(head));
    send_bytes(member.connection, output.data(), output.size());
  }

  // Tells all that are here, which ends the group.
  void reply_error(const std::string& problem) const {
    const NcclReply head{.error_bytes = problem.size(), .output_bytes = 0};
    for (const Member& member : members_) {
      if (member.connection < 0) continue;
      send_bytes(member.connection, &head, sizeof(head));
      send_bytes(member.connection, problem.data(), problem.size());
    }
  }

  const int listener_;
  std::vector<Member> members_;  // by rank
};

const char* name_of(NcclCallKind kind) {
  switch (kind) {
    case NcclCallKind::join:
      return "ncclCommInitRankConfig";
    case NcclCallKind::all_reduce:
      return "ncclAllReduce";
    case NcclCallKind::reduce_scatter:
      return "ncclReduceScatter";
    case NcclCallKind::all_gather:
      return "ncclAllGather";
    case NcclCallKind::broadcast:
      return "ncclBroadcast";
    case NcclCallKind::reduce:
      return "ncclReduce";
  }
  return "an unknown call";
}

}  // namespace

bool NcclCall::operator==(const NcclCall& other) const {
  return kind == other.kind && type == other.type && root == other.root && count == other.count &&
         number == other.number;
}

std::string NcclCall::to_string() const {
  const bool has_root = kind == NcclCallKind::broadcast || kind == NcclCallKind::reduce;
  return text(name_of(kind), " of ", count, type == nccl::kFloat32 ? " float32" : " bytes",
              has_root ? text(" with root ", root) : "", " as number ", number);
}

std::string open_nccl_hub() {
  static std::atomic<int> count{0};
  const std::string name = text("leia-emulator-", getpid(), "-", count++);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto [address, length] = address_of(name);
  if (listener < 0 || bind(listener, reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      listen(listener, 64) != 0) {
    fail("execution", text("emulator: NCCL's ranks have no socket: ", std::strerror(errno)));
  }
  std::thread([listener] { Hub(listener).serve(); }).detach();
  return name;
}

int connect_nccl_hub(const std::string& name) {
  const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto [address, length] = address_of(name);
  if (connect(connection, reinterpret_cast<const sockaddr*>(&address), length) == 0) {
    return connection;
  }
  close(connection);
  return -1;
}

bool send_bytes(int connection, const void* data, size_t bytes) {
  const auto* next = static_cast<const std::byte*>(data);
  while (bytes > 0) {
    const ssize_t count = send(connection, next, bytes, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    next += count;
    bytes -= static_cast<size_t>(count);
  }
  return true;
}

bool receive_bytes(int connection, void* data, size_t bytes) {
  auto* next = static_cast<std::byte*>(data);
  while (bytes > 0) {
    const ssize_t count = recv(connection, next, bytes, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    next += count;
    bytes -= static_cast<size_t>(count);
  }
  return true;
}

}  // namespace leia::emulator
