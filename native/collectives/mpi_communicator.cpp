// Ranks on CPUs. MPI carries the messages (mpi/leia_mpi.h); what is summed where, and in which
// order, is decided here, because MPI leaves the order of its own sums open. Every rank sums its
// slice: it gets that of all others, adds them in the order of the ranks, and for all_reduce sends
// the result back. So every byte crosses twice at most, and all ranks have the same bits.
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "collectives/communicator.h"
#include "collectives/mpi/leia_mpi.h"
#include "cpu/cpu_context.h"

namespace leia {

namespace {

// Elements of each rank that are summed at once: what others have sent takes so much for each of
// them.
constexpr int64_t kPiece = 1 << 17;
constexpr int64_t kElementsPerTask = 1 << 14;
constexpr auto kSpin = std::chrono::microseconds(50);
constexpr auto kNap = std::chrono::microseconds(50);

// Throws what an MPI function says went wrong.
void check(const char* wrong) {
  if (wrong != nullptr) fail("execution", text("MPI: ", wrong));
}

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator(const LeiaMpi& mpi, int rank, int ranks)
      : Communicator(DeviceKind::cpu, rank, ranks), mpi_(mpi), description_(mpi.describe()) {}

  std::string description() const override { return description_; }
  void close() override { check(mpi_.close()); }

 protected:
  void execute(const Collective& collective, const Signature& signature,
               ExecutionContext& context) override {
    compare(signature);
    auto& cpu = static_cast<CpuContext&>(context);
    const auto& [kind, input, output, root, place] = collective;
    switch (kind) {
      case CollectiveKind::all_reduce:
        sum_own_slice(input, output.data<float>() + own_slice(output).begin, cpu);
        return gather(output);
      case CollectiveKind::reduce_scatter:
        return sum_own_slice(input, output.data<float>(), cpu);
      case CollectiveKind::all_gather:
        place_own_slice(input, output);
        return gather(output);
      case CollectiveKind::broadcast:
        if (rank() == root) {
          for_others([&](int other) { send(slice_in(output, other), other); });
        } else {
          receive(slice_in(output, rank()), root);
        }
        wait();
        return gather(output);
      case CollectiveKind::barrier:
        return;  // comparing signatures is one
    }
  }

 private:
  struct Bytes {
    std::byte* data;
    int64_t count;
  };

  Slice own_slice(const Tensor& whole) const { return slice_of(whole.elements(), rank(), ranks()); }
  Bytes slice_in(const Tensor& whole, int of) const {
    const Slice slice = slice_of(whole.elements(), of, ranks());
    const auto element = static_cast<int64_t>(size_of(whole.dtype));
    return {whole.data<std::byte>() + slice.begin * element, slice.size() * element};
  }

  template <class Body>
  void for_others(const Body& body) const {
    // Each begins with the rank after it, so that not all send to the same one.
    for (int step = 1; step < ranks(); ++step) body((rank() + step) % ranks());
  }

  void send(Bytes bytes, int to) { check(mpi_.send(bytes.data, bytes.count, to)); }
  void receive(Bytes bytes, int from) { check(mpi_.receive(bytes.data, bytes.count, from)); }

  void wait() {
    wait([] {});
  }

  // Until all messages that were begun are done. MPI moves them while it is asked. Calls `notice`
  // when fewer are pending than before.
  template <class Notice>
  void wait(const Notice& notice) {
    const auto began = std::chrono::steady_clock::now();
    int before = 0;
    for (int pending = 1;;) {
      check(mpi_.progress(&pending));
      if (pending == 0) return;
      refuse_aborted();
      if (pending != before) notice();
      before = pending;
      // The others may need this core to come here.
      if (std::chrono::steady_clock::now() - began < kSpin) {
        std::this_thread::yield();
      } else {
        std::this_thread::sleep_for(kNap);
      }
    }
  }

  // The ranks of which a message is pending.
  std::vector<int> awaited() const {
    std::vector<unsigned char> by_rank(static_cast<size_t>(ranks()));
    mpi_.awaited(by_rank.data());
    std::vector<int> result;
    for (int other = 0; other < ranks(); ++other) {
      if (by_rank[static_cast<size_t>(other)] != 0) result.push_back(other);
    }
    return result;
  }

  // Before anything is written, all ranks learn what the others are about to do.
  void compare(const Signature& own) {
    std::vector<Signature> all(static_cast<size_t>(ranks()), own);
    Signature sent = own;
    const auto bytes = [](Signature& one) {
      return Bytes{reinterpret_cast<std::byte*>(&one), sizeof(Signature)};
    };
    for_others([&](int other) {
      receive(bytes(all[static_cast<size_t>(other)]), other);
      send(bytes(sent), other);
    });
    wait([&] { recorder().await(own.number, awaited()); });
    recorder().await(own.number, {});
    require_same(all);
  }

  // output: this rank's slice, which may be that of `input`.
  void sum_own_slice(const Tensor& input, float* output, CpuContext& cpu) {
    const auto count = static_cast<size_t>(ranks());
    std::vector<std::vector<float>> received(count);
    int64_t longest = 0;
    for (int other = 0; other < ranks(); ++other) {
      longest = std::max(longest, slice_of(input.elements(), other, ranks()).size());
    }
    const auto piece_of = [&](int of, int64_t start) {
      const Slice slice = slice_of(input.elements(), of, ranks());
      return Slice{std::min(slice.begin + start, slice.end),
                   std::min(slice.begin + start + kPiece, slice.end)};
    };
    const auto bytes = [](float* data, int64_t size) {
      return Bytes{reinterpret_cast<std::byte*>(data), size * int64_t{sizeof(float)}};
    };
    for (int64_t start = 0; start < longest; start += kPiece) {
      const Slice own = piece_of(rank(), start);
      for_others([&](int other) {
        auto& values = received[static_cast<size_t>(other)];
        values.resize(static_cast<size_t>(own.size()));
        if (own.size() > 0) receive(bytes(values.data(), own.size()), other);
        const Slice theirs = piece_of(other, start);
        if (theirs.size() > 0) {
          send(bytes(input.data<float>() + theirs.begin, theirs.size()), other);
        }
      });
      wait();
      std::vector<const float*> terms(count);
      for (size_t i = 0; i < count; ++i) terms[i] = received[i].data();
      terms[static_cast<size_t>(rank())] = input.data<float>() + own.begin;
      cpu.parallel_ranges(own.size(), kElementsPerTask, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) {
          float sum = terms[0][i];
          for (size_t term = 1; term < count; ++term) sum += terms[term][i];
          output[start + i] = sum;
        }
      });
    }
  }

  void place_own_slice(const Tensor& input, const Tensor& output) const {
    const Bytes own = slice_in(output, rank());
    std::memmove(own.data, input.data<std::byte>(), static_cast<size_t>(own.count));
  }

  // Every rank has its own slice and gets the others.
  void gather(const Tensor& whole) {
    for_others([&](int other) {
      if (const Bytes theirs = slice_in(whole, other); theirs.count > 0) receive(theirs, other);
      if (const Bytes own = slice_in(whole, rank()); own.count > 0) send(own, other);
    });
    wait();
  }

  const LeiaMpi& mpi_;
  const std::string description_;
};

// Beside the addon, unless LEIA_MPI names it.
std::string library_path() {
  if (const char* given = std::getenv("LEIA_MPI"); given != nullptr && *given != '\0') return given;
  Dl_info addon{};
  static const char own = 0;
  if (dladdr(&own, &addon) == 0) return "mpi/leia_mpi.so";
  return (std::filesystem::path(addon.dli_fname).parent_path() / "mpi/leia_mpi.so").string();
}

const LeiaMpi& mpi_library() {
  const std::string path = library_path();
  // Open MPI's plugins look for its symbols among those of all libraries.
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    fail("unavailable",
         text("ranks on CPUs need MPI, and ", path, " cannot be opened (",
              reason == nullptr ? "no reason given" : reason,
              "); install an MPI with its headers, such as Debian's libopenmpi-dev and "
              "openmpi-bin, and build the native core again"));
  }
  const auto entry = reinterpret_cast<LeiaMpiEntry>(dlsym(handle, kLeiaMpiEntry));
  const LeiaMpi* functions = entry == nullptr ? nullptr : entry();
  if (functions == nullptr || functions->version != kLeiaMpiVersion) {
    fail("unavailable", text(path, " is of another version; build the native core again"));
  }
  return *functions;
}

// Ends the process if it is not destroyed in time.
class Deadline {
 public:
  Deadline(double seconds, const std::string& line)
      : thread_([this, seconds, line] {
          std::unique_lock lock(mutex_);
          if (over_.wait_for(lock, std::chrono::duration<double>(seconds),
                             [&] { return is_met_; })) {
            return;
          }
          std::fputs((line + "\n").c_str(), stderr);
          std::_Exit(1);
        }) {}
  ~Deadline() {
    {
      std::lock_guard lock(mutex_);
      is_met_ = true;
    }
    over_.notify_one();
    thread_.join();
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable over_;
  bool is_met_ = false;
  std::thread thread_;  // last, as it uses all of the above
};

std::shared_ptr<Communicator> join(double seconds, const std::string& line) {
  const LeiaMpi& mpi = mpi_library();
  int rank = 0, ranks = 1;
  std::optional<Deadline> deadline;
  // A year and more is for ever, and no number of nanoseconds.
  if (seconds < 3e7) deadline.emplace(seconds, line);
  if (const char* wrong = mpi.open(&rank, &ranks)) fail("unavailable", text("MPI: ", wrong));
  return std::make_shared<MpiCommunicator>(mpi, rank, ranks);
}

}  // namespace

std::shared_ptr<Communicator> open_mpi(double seconds, const std::string& line) {
  static const std::shared_ptr<Communicator> only = join(seconds, line);
  return only;
}

std::string mpi_description() {
  return mpi_library().describe();
}

}  // namespace leia
