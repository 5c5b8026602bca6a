#include "core/device.h"

#include <algorithm>
#include <cstdlib>
#include <future>
#include <new>

namespace leia {

namespace {

// The number after "cuda:"; 0 if there is none; -1 if the name is not of this form.
int ordinal_of(const std::string& name, const std::string& kind) {
  if (name == kind) return 0;
  if (!name.starts_with(kind + ":")) return -1;
  const std::string digits = name.substr(kind.size() + 1);
  int ordinal = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, problem] = std::from_chars(digits.data(), end, ordinal);
  return problem == std::errc() && stop == end ? ordinal : -1;
}

}  // namespace

std::string Device::canonical_name(const std::string& name) {
  for (const char* kind : {"cuda", "emulated"}) {
    const int ordinal = ordinal_of(name, kind);
    if (ordinal == 0) return kind;
    if (ordinal > 0) return text(kind, ":", ordinal);
  }
  return name;
}

std::shared_ptr<Device> Device::open(const std::string& name) {
  if (name == "cpu") return open_cpu_device();
  for (const char* kind : {"cuda", "emulated"}) {
    const int ordinal = ordinal_of(name, kind);
    if (ordinal < 0) continue;
    if (cuda_support.name != nullptr && std::string_view(cuda_support.name) == kind) {
      const int count = cuda_support.count();
      if (ordinal < count) return cuda_support.open(ordinal);
      fail("unavailable", text("device '", name, "': this machine has ", count,
                               " of them, the last is '", kind, ":", count - 1, "'"));
    }
    fail("unavailable",
         text("device '", name, "' is not part of this build",
              cuda_support.name == nullptr ? ", which was made without nvcc" : "", "; use 'cpu'"));
  }
  fail("usage", text("unknown device '", name, "', expected 'cpu', 'cuda' or 'cuda:N'"));
}

std::shared_ptr<Storage> Device::allocate(size_t bytes) {
  void* data = allocate_bytes(bytes);
  if (data == nullptr) {
    const DeviceProperties own = properties();
    fail("execution",
         text("out of memory on ", this->name(), ": asked for ", bytes, " bytes, ", live_bytes(),
              " bytes are live, ", own.free_bytes, " of ", own.total_bytes, " bytes are free"));
  }
  peak_live_bytes_.raise(live_bytes_ += static_cast<int64_t>(bytes));
  return std::make_shared<Storage>(shared_from_this(), data, bytes,
                                   std::make_shared<Poison>(failures_.poisoned_storages()));
}

void Device::release(void* data, size_t bytes) noexcept {
  free_bytes(data);
  live_bytes_ -= static_cast<int64_t>(bytes);
}

// Queues with nullptr; or, with LEIA_DEBUG=1, waits until it is done and throws what went wrong.
template <class Queue>
void Device::start(const Queue& queue_with) {
  is_synchronized_ = false;
  if (!run_immediately()) {
    queue_with(nullptr);
    return;
  }
  std::promise<FailurePtr> promise;
  queue_with([&promise](const FailurePtr& failure) { promise.set_value(failure); });
  const FailurePtr failure = promise.get_future().get();
  if (failure == nullptr) return;
  failure->is_told = true;
  std::rethrow_exception(failure->error);
}

void Device::enqueue(WorkPtr work) {
  if (capture_ != nullptr) {
    capture_->push_back(std::move(work));
  } else {
    start([&](Done done) { queue(std::move(work), std::move(done)); });
  }
}

void Device::write(const Tensor& target, std::vector<std::byte> values) {
  refuse_capture("write");
  enqueue(make_write(target, std::move(values)));
}

void Device::read(const Tensor& source, std::byte* values, Done done) {
  refuse_capture("read");
  is_synchronized_ = false;
  queue_read(source, values, std::move(done));
}

std::shared_ptr<std::byte> Device::allocate_host(size_t bytes) {
  auto* data = static_cast<std::byte*>(std::malloc(std::max(bytes, size_t{1})));
  if (data == nullptr) fail("execution", text("out of memory on the host: asked for ", bytes));
  return {data, std::free};
}

void Device::replay(const std::shared_ptr<Graph>& graph) {
  refuse_capture("replay");
  start([&](Done done) { queue_replay(graph, std::move(done)); });
}

std::shared_ptr<Event> Device::record_event() {
  refuse_capture("recordEvent");
  return queue_event();
}

void Device::synchronize(Done done) {
  refuse_capture("synchronize");
  is_synchronized_ = true;
  queue_barrier([this, done = std::move(done)](const FailurePtr& useless) {
    const FailurePtr first = failures_.hand_out_first();
    done(first != nullptr ? first : useless);
  });
}

void Device::conclude(Done done) {
  is_synchronized_ = true;
  queue_barrier(
      [this, done = std::move(done)](const FailurePtr&) { done(failures_.hand_out_first()); });
}

void Device::begin_capture() {
  refuse_capture("capture");
  capture_ = std::make_unique<std::vector<WorkPtr>>();
}

std::shared_ptr<Graph> Device::end_capture() {
  const std::unique_ptr<std::vector<WorkPtr>> captured = std::move(capture_);
  return make_graph(std::move(*captured));
}

void Device::finish(const Done& done, const FailurePtr& failure) {
  if (!done) return;
  if (failure != nullptr) Failures::hand_out(failure);
  done(failure);
}

void Device::refuse_capture(const char* call) const {
  if (capture_ != nullptr) {
    fail("usage", text(call, ": not possible during a capture, which takes operations only"));
  }
}

void run_described(const Work& work, ExecutionContext& context, const Device& device) {
  try {
    work.run(context);
  } catch (const Error& error) {
    throw Error(error.code(), text(work.describe(), ": ", error.what()));
  } catch (const std::bad_alloc&) {
    throw Error("execution", text(work.describe(), ": out of memory, ", device.live_bytes(),
                                  " bytes of tensors are live"));
  } catch (const std::exception& error) {
    throw Error("execution", text(work.describe(), ": ", error.what()));
  }
}

bool run_immediately() {
  static const bool immediate = is_set("LEIA_DEBUG");
  return immediate;
}

bool poison_memory() {
  static const bool poison = is_set("LEIA_POISON");
  return poison;
}

}  // namespace leia
