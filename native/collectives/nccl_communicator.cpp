// Ranks on GPUs. NCCL moves and sums on the device; slices are leia's (collective.h). All ranks but
// the last have equally many elements, so a collective is NCCL's own over so many of each rank, in
// place where ours is, and one more for the few elements, fewer than 8 for each rank, that the last
// rank has beside: together in a group they are one launch. Sending padded parts would need memory
// and copies of everything instead.
#include <chrono>
#include <thread>

#include "collectives/nccl.h"
#include "cuda/execution.h"
#include "cuda/nccl.h"
#include "cuda/peer_access.h"

namespace leia {

namespace {

constexpr auto kNap = std::chrono::microseconds(100);

std::string hex_of(const nccl::UniqueId& id) {
  constexpr const char* digits = "0123456789abcdef";
  std::string result;
  for (const char byte : id.bytes) {
    const auto value = static_cast<unsigned char>(byte);
    result += {digits[value >> 4], digits[value & 15]};
  }
  return result;
}

nccl::UniqueId id_of(const std::string& hex) {
  nccl::UniqueId id{};
  const bool has_length = hex.size() == 2 * sizeof(id.bytes);
  for (size_t i = 0; has_length && i < sizeof(id.bytes); ++i) {
    unsigned value = 0;
    const char* first = hex.data() + 2 * i;
    const auto [end, problem] = std::from_chars(first, first + 2, value, 16);
    require(problem == std::errc() && end == first + 2, "an id of ranks that is none");
    id.bytes[i] = static_cast<char>(value);
  }
  require(has_length, "an id of ranks has ", hex.size(), " digits");
  return id;
}

bool is_problem(nccl::Result result) {
  return result != nccl::kSuccess && result != nccl::kInProgress;
}

// Calls that NCCL makes one launch of.
class Group {
 public:
  explicit Group(const nccl::Library& library) : nccl_(library), result_(library.group_start()) {}
  void add(nccl::Result result) {
    if (!is_problem(result_)) result_ = result;
  }
  nccl::Result end() {
    add(nccl_.group_end());
    return result_;
  }

 private:
  const nccl::Library& nccl_;
  nccl::Result result_;
};

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(const std::shared_ptr<Device>& device, const std::string& id, int rank,
                   int ranks)
      : Communicator(DeviceKind::cuda, rank, ranks),
        nccl_(nccl::library()),
        id_(id_of(id)),
        meeting_(device->allocate(sizeof(float))) {}
  ~NcclCommunicator() override { on_abort(); }

  std::string description() const override { return nccl_description(); }

  void close() override {
    if (!has_joined()) return;
    call("ncclCommFinalize", [&] { return nccl_.finalize(communicator_); });
    std::lock_guard lock(calls_);
    nccl_.destroy(std::exchange(communicator_, nullptr));
  }

 protected:
  void execute(const Collective& collective, const Signature&, ExecutionContext& context) override {
    if (!has_joined()) join();
    const gpu::Stream stream = static_cast<CudaExecution&>(context).stream;
    const auto& [kind, input, output, root, place] = collective;
    switch (kind) {
      case CollectiveKind::all_reduce:
        return all_reduce(output.data<float>(), static_cast<size_t>(output.elements()), stream);
      case CollectiveKind::reduce_scatter:
        return reduce_scatter(input, output, stream);
      case CollectiveKind::all_gather:
        return all_gather(input, output, stream);
      case CollectiveKind::broadcast:
        if (output.bytes() == 0) return;
        return call("ncclBroadcast", [&, from = root] {
          return nccl_.broadcast(output.data<void>(), output.data<void>(), output.bytes(),
                                 nccl::kBytes, from, communicator_, stream);
        });
      case CollectiveKind::barrier:
        return all_reduce(static_cast<float*>(meeting_->data()), 1, stream);
    }
  }

  bool is_done_when_executed() const override { return false; }

  void look_for_errors() override {
    refuse_aborted();
    nccl::Result state = nccl::kSuccess;
    std::string problem;
    {
      std::lock_guard lock(calls_);
      if (communicator_ == nullptr) return;
      nccl_.get_async_error(communicator_, &state);
      if (!is_problem(state)) return;
      problem = describe(state);
    }
    abort(text("NCCL: ", problem));
    refuse_aborted();
  }

  void on_abort() override {
    std::lock_guard lock(calls_);
    if (communicator_ != nullptr) nccl_.abort(std::exchange(communicator_, nullptr));
  }

 private:
  // Another thread may abort meanwhile.
  bool has_joined() {
    std::lock_guard lock(calls_);
    return communicator_ != nullptr;
  }

  // On the launching thread, whose device is set, and which may wait for the other ranks.
  void join() {
    nccl::Config config;
    call("ncclCommInitRankConfig",
         [&] { return nccl_.init(&communicator_, ranks(), id_, rank(), &config); });
  }

  void all_reduce(float* data, size_t count, gpu::Stream stream) {
    if (count == 0) return;
    call("ncclAllReduce", [&] {
      return nccl_.all_reduce(data, data, count, nccl::kFloat32, nccl::kSum, communicator_, stream);
    });
  }

  // What of so many elements all ranks have equally many of, and what the last one has beside.
  struct Parts {
    size_t each, rest, rest_begin;
  };
  Parts parts_of(int64_t elements) const {
    const int64_t each = slice_of(elements, 0, ranks()).size();
    const int64_t together = each * ranks();
    return {static_cast<size_t>(each), static_cast<size_t>(elements - together),
            static_cast<size_t>(together)};
  }

  void reduce_scatter(const Tensor& input, const Tensor& output, gpu::Stream stream) {
    const auto [each, rest, rest_begin] = parts_of(input.elements());
    const auto* from = input.data<float>();
    auto* to = output.data<float>();
    call("ncclReduceScatter", [&] {
      Group group(nccl_);
      if (each > 0) {
        group.add(nccl_.reduce_scatter(from, to, each, nccl::kFloat32, nccl::kSum, communicator_,
                                       stream));
      }
      if (rest > 0) {
        group.add(nccl_.reduce(from + rest_begin, to + (is_last() ? each : 0), rest, nccl::kFloat32,
                               nccl::kSum, ranks() - 1, communicator_, stream));
      }
      return group.end();
    });
  }

  // Bytes, of whatever type they are.
  void all_gather(const Tensor& input, const Tensor& output, gpu::Stream stream) {
    auto [each, rest, rest_begin] = parts_of(output.elements());
    for (size_t* count : {&each, &rest, &rest_begin}) *count *= size_of(output.dtype);
    const auto* from = input.data<std::byte>();
    auto* to = output.data<std::byte>();
    call("ncclAllGather", [&] {
      Group group(nccl_);
      if (each > 0) {
        group.add(nccl_.all_gather(from, to, each, nccl::kBytes, communicator_, stream));
      }
      if (rest > 0) {
        group.add(nccl_.broadcast(from + (is_last() ? each : 0), to + rest_begin, rest,
                                  nccl::kBytes, ranks() - 1, communicator_, stream));
      }
      return group.end();
    });
  }

  bool is_last() const { return rank() == ranks() - 1; }

  // Calls NCCL, and waits until it has done its part, to queue work on the stream. The call itself
  // does not block, so that waiting can be ended from outside.
  template <class Body>
  void call(const char* name, const Body& body) {
    nccl::Result result = nccl::kSuccess;
    std::string problem;
    const auto note = [&] {
      if (is_problem(result)) problem = describe(result);
    };
    {
      std::lock_guard lock(calls_);
      refuse_aborted();
      result = body();
      note();
    }
    while (result == nccl::kInProgress) {
      std::this_thread::sleep_for(kNap);
      std::lock_guard lock(calls_);
      refuse_aborted();
      nccl_.get_async_error(communicator_, &result);
      note();
    }
    if (!problem.empty()) fail("execution", text("NCCL: ", name, ": ", problem));
  }

  // With calls_ held.
  std::string describe(nccl::Result result) const {
    const char* last = nccl_.get_last_error(communicator_);
    const std::string detail = last == nullptr ? "" : last;
    const std::string error = nccl_.get_error_string(result);
    return detail.empty() ? error : text(error, " (", detail, ")");
  }

  const nccl::Library& nccl_;
  const nccl::UniqueId id_;
  const std::shared_ptr<Storage> meeting_;  // what a barrier sums
  std::mutex calls_;                        // one after the other
  nccl::Communicator communicator_ = nullptr;
};

[[maybe_unused]] const bool linked = [] {
  nccl_support.make_id = [] {
    nccl::UniqueId id{};
    const nccl::Library& library = nccl::library();
    const nccl::Result result = library.get_unique_id(&id);
    if (result == nccl::kSuccess) return hex_of(id);
    fail("unavailable", text("NCCL: ncclGetUniqueId: ", library.get_error_string(result), " (",
                             library.get_last_error(nullptr),
                             "); NCCL_SOCKET_IFNAME names the network interface to use"));
  };
  nccl_support.open = [](const std::shared_ptr<Device>& device, const std::string& id, int rank,
                         int ranks) -> std::shared_ptr<Communicator> {
    return std::make_shared<NcclCommunicator>(device, id, rank, ranks);
  };
  nccl_support.can_access_peer = gpu::can_access_peer;
  nccl_support.describe = [] { return nccl::describe(nccl::library()); };
  return true;
}();

}  // namespace

}  // namespace leia
