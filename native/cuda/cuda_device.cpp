// A GPU as a device. A thread of its own launches the queued operations on a CUDA stream, so that a
// call from JavaScript costs no launch and a full launch queue blocks nobody; a second thread waits
// for the stream where JavaScript wants to know, so that the first can go on launching. The second
// also keeps the account of what failed (core/failures.h): most errors are known only when the
// device has done the work, and by then much more is launched. Collectives have a stream beside
// (cuda/communication.h). The emulator's device is this very class on the emulator's streams.
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "core/serial_thread.h"
#include "cuda/execution.h"
#include "cuda/matmul_plans.h"
#include "cuda/requirements.h"
#include "cuda/segment.h"
#include "cuda/staging.h"

namespace leia {

namespace {

// "cuda", "cuda:1"
std::string device_name(int ordinal) {
  return ordinal == 0 ? gpu::device_kind() : text(gpu::device_kind(), ":", ordinal);
}

class CudaEvent final : public Event {
 public:
  explicit CudaEvent(int ordinal) : ordinal_(ordinal) {}
  ~CudaEvent() override {
    if (event_ != nullptr) gpu::destroy(event_);
  }
  void record(gpu::Stream stream) {
    event_ = gpu::create_event(gpu::EventKind::time);
    gpu::record(event_, stream);
    recorded_ = true;
  }
  double milliseconds_since(const Event& earlier) const override {
    const auto* other = dynamic_cast<const CudaEvent*>(&earlier);
    if (other == nullptr || !other->recorded_ || !recorded_) {
      fail("usage", "an event was not reached yet; await device.synchronize() first");
    }
    gpu::use_device(ordinal_);
    return gpu::milliseconds_between(other->event_, event_);
  }

 private:
  const int ordinal_;
  gpu::Event event_ = nullptr;
  std::atomic<bool> recorded_{false};
};

// An error that many steps share, as one failure.
struct SharedFailure {
  std::exception_ptr error;  // nullptr if there is none
  FailurePtr failure;        // once a step has failed with it
};

class CudaGraph final : public Graph {
 public:
  CudaGraph(std::vector<WorkPtr> work, std::shared_ptr<Device> device)
      : Graph(std::move(work)), device_(std::move(device)) {}
  // From any thread, also while the launching one captures another graph: nothing may be queued
  // here. Replays that still run go on; their memory is given out in the stream's order.
  ~CudaGraph() override {
    if (executable != nullptr) gpu::destroy(executable);
  }

 private:
  const std::shared_ptr<Device> device_;

 public:
  bool ran = false;                    // its work has been launched once
  gpu::Graph executable = nullptr;     // made at the second replay
  std::unique_ptr<ErrorWords> errors;  // its kernels keep the words they were captured with
  std::shared_ptr<std::vector<Step>> steps;
};

// The waiting thread checks the stream after this many steps at the latest, as their account is
// kept until then.
constexpr size_t kMostSteps = 4096;
// How often it looks whether a collective can still end.
constexpr auto kNap = std::chrono::microseconds(100);

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(int ordinal)
      : ordinal_(ordinal),
        allocator_(ordinal),
        stream_((gpu::use_device(ordinal), gpu::create_stream())),
        limits_(gpu::limits(ordinal)),
        scratch_(allocator_),
        errors_(allocator_, stream_),
        matmul_(allocator_),
        staging_(stream_),
        communication_(stream_) {
    launcher_.push([ordinal] { gpu::use_device(ordinal); });
    waiter_.push([ordinal] { gpu::use_device(ordinal); });
  }

  // Nothing is queued by now: work holds its tensors, which hold their device.
  ~CudaDevice() override {
    try {
      gpu::use_device(ordinal_);
    } catch (const Error&) {  // after an error in a kernel every call says it
    }
    gpu::destroy(stream_);
  }

  DeviceKind kind() const override { return DeviceKind::cuda; }
  std::string name() const override { return device_name(ordinal_); }
  DeviceProperties properties() const override {
    gpu::use_device(ordinal_);
    const gpu::MemoryState state = gpu::memory_state();
    return {gpu::describe_device(ordinal_),
            state.free_bytes + static_cast<int64_t>(allocator_.cached_bytes()), state.total_bytes};
  }

  int64_t peak_bytes() const override { return static_cast<int64_t>(allocator_.peak_bytes()); }

  void abandon() override { abandoned_ = true; }

  std::shared_ptr<std::byte> allocate_host(size_t bytes) override {
    gpu::use_device(ordinal_);
    return PinnedRegions::all().allocate(bytes);
  }

 protected:
  void* allocate_bytes(size_t bytes) override {
    refuse_broken();
    void* data = allocator_.allocate_without_returning(bytes);
    if (data == nullptr) {
      // Work that is not launched yet may still hold disposed tensors: JavaScript is ahead.
      wait_for_launches();
      data = allocator_.allocate(bytes);
    }
    if (data != nullptr && poison_memory()) {
      launcher_.push(
          [this, data, bytes] { attempt({}, [&] { gpu::fill(data, 0xff, bytes, stream_); }); });
    }
    return data;
  }
  void free_bytes(void* data) noexcept override { allocator_.release(data); }

  void queue(WorkPtr work, Done done) override {
    launcher_.push([this, work = std::move(work), done = std::move(done)]() mutable {
      is_awaited_ = done != nullptr;
      attempt(work);
      work.reset();
      is_awaited_ = false;
      if (done) close(std::move(done));
    });
  }

  void queue_replay(const std::shared_ptr<Graph>& graph, Done done) override {
    const auto own = std::dynamic_pointer_cast<CudaGraph>(graph);
    if (own == nullptr) fail("usage", "replay: this graph was captured on another device");
    launcher_.push([this, own = own, done = std::move(done)]() mutable {
      is_awaited_ = done != nullptr;
      launch(*own);
      own.reset();
      is_awaited_ = false;
      if (done) close(std::move(done));
    });
  }

  WorkPtr make_write(const Tensor& target, std::vector<std::byte> values) override {
    return tensor_work("write", target, Access::write,
                       [this, target, values = std::move(values)](ExecutionContext&) {
                         staging_.write(target.data<std::byte>(), values.data(), values.size());
                       });
  }

  void queue_read(const Tensor& source, std::byte* values, Done done) override {
    // For a small read: where its bytes are when the stream is past the copy.
    const auto arrived = std::make_shared<std::shared_ptr<const std::byte>>();
    queue(tensor_work("read", source, Access::read,
                      [this, source, values, arrived](ExecutionContext&) {
                        *arrived = staging_.read(values, source.data<std::byte>(), source.bytes());
                      }),
          [arrived, values, bytes = source.bytes(), done](const FailurePtr& failure) {
            if (failure == nullptr && *arrived != nullptr) {
              std::copy_n(arrived->get(), bytes, values);
            }
            arrived->reset();
            done(failure);
          });
  }

  std::shared_ptr<Event> queue_event() override {
    auto event = std::make_shared<CudaEvent>(ordinal_);
    launcher_.push([this, event] { attempt({}, [&] { event->record(stream_); }); });
    return event;
  }

  void queue_barrier(Done done) override {
    launcher_.push([this, done = std::move(done)] {
      close([this, done](const FailurePtr&) { done(std::exchange(useless_, nullptr)); });
    });
  }

  std::shared_ptr<Graph> make_graph(std::vector<WorkPtr> work) override {
    return std::make_shared<CudaGraph>(std::move(work), shared_from_this());
  }

 private:
  // The launching thread's part.

  void attempt(const WorkPtr& work) {
    if (const auto* collective = dynamic_cast<const RankWork*>(work.get())) {
      return attempt_collective(work, collective->check_later());
    }
    attempt(work->operands(), [&] { execute(work, errors_, stream_); });
  }

  // Runs the body, which uses the first stream, and notes what it uses and how it went.
  template <class Body>
  void attempt(std::vector<Operand> operands, Body&& body) {
    note({.operands = std::move(operands)}, [&](Step& step) {
      communication_.make_way(step.operands);
      body();
    });
  }

  void attempt_collective(const WorkPtr& work, RankWork::Check check) {
    note({.operands = work->operands(), .check = std::move(check)}, [&](Step& step) {
      step.flight = communication_.prepare(work, step.operands);
      execute(work, errors_, communication_.stream());
      communication_.depart(step.flight);
      segment_.flights.push_back(step.flight);
      // Without tensors it is a barrier: all that comes after it waits.
      if (step.operands.empty()) communication_.make_way();
    });
  }

  template <class Body>
  void note(Step step, const Body& body) {
    if (abandoned_) return;
    if (errors_.is_full() || segment_.count >= kMostSteps) close(nullptr);
    step.first_word = errors_.count();
    step.is_awaited = is_awaited_;
    try {
      refuse_broken();
      body(step);
    } catch (...) {
      step.error = std::current_exception();
    }
    step.last_word = errors_.count();
    segment_.parts.back().steps.push_back(std::move(step));
    ++segment_.count;
  }

  void execute(const WorkPtr& work, ErrorWords& errors, gpu::Stream stream) {
    scratch_.reset();
    CudaExecution context{{}, work, stream, scratch_, errors, matmul_, limits_};
    run_described(*work, context, *this);
  }

  // The first replay launches the work itself, outside of a capture, in which CUDA allows little:
  // what is loaded, chosen or allocated at its first use (kernels, cuBLASLt, its plans, scratch) is
  // then there for the capture.
  void launch(CudaGraph& graph) {
    if (abandoned_) return;
    if (!graph.ran) {
      for (const WorkPtr& work : graph.work()) attempt(work);
      graph.ran = true;
      return;
    }
    if (graph.steps == nullptr) graph.steps = steps_of(graph);
    GraphLaunch launched;
    launched.steps = graph.steps;
    try {
      refuse_broken();
      communication_.make_way();
      if (graph.executable == nullptr) capture(graph);
      gpu::launch(graph.executable, stream_);
      if (!graph.errors->is_empty()) {
        launched.words = graph.errors->read(pinned_words_.take(), true);
      }
    } catch (const Error& error) {
      launched.error = std::make_exception_ptr(Error(
          error.code(), text("graph of ", graph.work().size(), " operations: ", error.what())));
    } catch (...) {
      launched.error = std::current_exception();
    }
    segment_.parts.back().graph = std::move(launched);
    segment_.parts.emplace_back();
    segment_.count += graph.steps->size();
    if (segment_.count >= kMostSteps) close(nullptr);
  }

  std::shared_ptr<std::vector<Step>> steps_of(const CudaGraph& graph) const {
    auto steps = std::make_shared<std::vector<Step>>();
    for (const WorkPtr& work : graph.work()) {
      steps->push_back({.operands = work->operands(), .is_awaited = is_awaited_});
    }
    return steps;
  }

  void capture(CudaGraph& graph) {
    graph.errors = std::make_unique<ErrorWords>(allocator_, stream_);
    gpu::begin_capture(stream_);
    try {
      for (size_t i = 0; i < graph.work().size(); ++i) {
        Step& step = (*graph.steps)[i];
        step.first_word = graph.errors->count();
        execute(graph.work()[i], *graph.errors, stream_);
        step.last_word = graph.errors->count();
      }
      graph.executable = gpu::end_capture(stream_);
    } catch (...) {
      gpu::abandon_capture(stream_);
      graph.errors.reset();
      throw;
    }
  }

  // Ends the segment. When the device is past it, the waiting thread settles its account and calls
  // `done` with how what is awaited went.
  void close(Done done) {
    auto segment = std::make_shared<Segment>(std::exchange(segment_, {}));
    try {
      if (!errors_.is_empty()) segment->words = errors_.read(pinned_words_.take(), false);
      segment->end = gpu::create_event();
      gpu::record(segment->end, stream_);
    } catch (...) {
      segment->error = std::current_exception();
    }
    waiter_.push([this, segment = std::move(segment), done = std::move(done)]() mutable {
      settle(*segment);
      // Its messages hold tensors, and so the device, which may not end on its own thread.
      segment.reset();
      if (done) finish(done, std::exchange(awaited_failure_, nullptr));
    });
  }

  // The waiting thread's part.

  void settle(const Segment& segment) {
    SharedFailure fault{fault_of(segment)};
    for (const Segment::Part& part : segment.parts) {
      for (const Step& step : part.steps) settle(step, segment.words, fault);
      if (!part.graph) continue;
      SharedFailure of_graph{part.graph->error};
      SharedFailure& of_all = fault.error != nullptr ? fault : of_graph;
      for (const Step& step : *part.graph->steps) settle(step, part.graph->words, of_all);
    }
    // No step reports this error, so the device does.
    if (fault.error != nullptr && fault.failure == nullptr) {
      useless_ = std::make_shared<Failure>(fault.error, 0);
    }
  }

  void settle(const Step& step, const ErrorWords::Reading& words, SharedFailure& of_all) {
    const FailurePtr failure = failures_.account(
        [&]() -> const std::vector<Operand>& { return step.operands; },
        [&]() -> FailurePtr {
          if (step.error != nullptr) return failures_.add(step.error);
          if (of_all.error != nullptr) {
            if (of_all.failure == nullptr) of_all.failure = failures_.add(of_all.error);
            return of_all.failure;
          }
          const std::string message = words.error(step.first_word, step.last_word);
          if (!message.empty()) {
            return failures_.add(std::make_exception_ptr(Error("argument", message)));
          }
          if (step.check == nullptr) return nullptr;
          const std::exception_ptr error = error_of([&] { step.check(step.flight->seconds()); });
          return error == nullptr ? nullptr : failures_.add(error);
        });
    if (step.is_awaited && awaited_failure_ == nullptr) awaited_failure_ = failure;
  }

  // Waits for the collectives, which end in their order. One for which another rank does not come
  // ends when it is found out that this rank is lost; that is looked for meanwhile, and told when
  // steps are settled.
  void wait_for(const Segment& segment) {
    for (const Segment::Part& part : segment.parts) {
      for (const Step& step : part.steps) {
        if (step.flight == nullptr) continue;
        while (!step.flight->is_over()) {
          std::this_thread::sleep_for(kNap);
          (void)error_of([&] { step.check(std::nullopt); });
        }
      }
    }
    communication_.land(segment.flights);
  }

  template <class Body>
  static std::exception_ptr error_of(const Body& body) {
    try {
      body();
    } catch (...) {
      return std::current_exception();
    }
    return nullptr;
  }

  // Waits for the end of the segment. Returns the error of a kernel, which any of the work may have
  // caused, or the error of what ends the segment.
  std::exception_ptr fault_of(const Segment& segment) {
    std::exception_ptr fault = segment.error;
    try {
      wait_for(segment);
      if (segment.end != nullptr) gpu::wait(segment.end);
      refuse_broken();
    } catch (const Error& failure) {
      fault = break_down(failure.what());
    }
    if (segment.end != nullptr) gpu::destroy(segment.end);
    return fault;
  }

  // Returns the error that is being handled, the first time; from then on, what refuse_broken()
  // throws.
  std::exception_ptr break_down(const std::string& reason) {
    {
      std::lock_guard lock(mutex_);
      if (!broken_) {
        broken_ = reason;
        return std::current_exception();
      }
    }
    try {
      refuse_broken();
    } catch (...) {
      return std::current_exception();
    }
    return nullptr;
  }

  void refuse_broken() {
    std::lock_guard lock(mutex_);
    if (broken_) {
      fail("execution", text(name(), " cannot be used any more after an error in a kernel (",
                             *broken_, "); start the process again"));
    }
  }

  // Waits until all that was queued has been launched and has let go of its tensors.
  void wait_for_launches() {
    std::promise<void> done;
    launcher_.push([this, &done] {
      (void)error_of([this] { communication_.make_way(); });  // collectives let go, too
      done.set_value();
    });
    done.get_future().wait();
  }

  const int ordinal_;
  CachingAllocator allocator_;
  const gpu::Stream stream_;
  const gpu::Limits limits_;
  // Of the launching thread alone:
  CudaScratch scratch_;
  ErrorWords errors_;
  MatmulPlans matmul_;
  Staging staging_;
  Communication communication_;
  Segment segment_;          // that is open
  bool is_awaited_ = false;  // what is launched now, by who queued it

  // Of the waiting thread alone:
  FailurePtr awaited_failure_;  // the first of what is awaited
  FailurePtr useless_;          // an error that no step reports

  PinnedPool pinned_words_{ErrorWords::kCount * sizeof(uint64_t)};
  std::atomic<bool> abandoned_{false};
  std::mutex mutex_;
  std::optional<std::string> broken_;  // guarded by it
  // Last, as their tasks use all of the above. The launcher stays awake between two operations of a
  // step, which JavaScript queues microseconds apart.
  SerialThread waiter_, launcher_{std::chrono::microseconds(50)};
};

[[maybe_unused]] const bool linked = [] {
  cuda_support = {gpu::device_kind(),
                  [](int ordinal) -> std::shared_ptr<Device> {
                    const auto [major, minor] = gpu::compute_capability(ordinal);
                    require_capability(device_name(ordinal), major, minor);
                    return std::make_shared<CudaDevice>(ordinal);
                  },
                  gpu::device_count};
  return true;
}();

}  // namespace

}  // namespace leia
