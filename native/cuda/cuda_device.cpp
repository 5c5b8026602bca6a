// A GPU as a device. A thread of its own launches the queued operations on a CUDA stream, so that a
// call from JavaScript costs no launch and a full launch queue blocks nobody; a second thread waits
// for the stream where JavaScript wants to know, so that the first can go on launching. The
// emulator's device is this very class on the emulator's streams.
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "core/serial_thread.h"
#include "cuda/execution.h"
#include "cuda/matmul_plans.h"
#include "cuda/staging.h"

namespace leia {

namespace {

class CudaEvent final : public Event {
 public:
  explicit CudaEvent(int ordinal) : ordinal_(ordinal) {}
  ~CudaEvent() override {
    if (event_ != nullptr) gpu::destroy(event_);
  }
  void record(gpu::Stream stream) {
    event_ = gpu::create_event();
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

class CudaGraph final : public Graph {
 public:
  CudaGraph(std::vector<Work> work, std::shared_ptr<Device> device)
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
};

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(int ordinal)
      : ordinal_(ordinal),
        allocator_(ordinal),
        stream_((gpu::use_device(ordinal), gpu::create_stream())),
        most_shared_bytes_(gpu::most_shared_bytes(ordinal)),
        scratch_(allocator_),
        errors_(allocator_, stream_),
        matmul_(allocator_),
        staging_(stream_) {
    launcher_.push([ordinal] { gpu::use_device(ordinal); });
    waiter_.push([ordinal] { gpu::use_device(ordinal); });
  }

  // Nothing is queued by now: work holds its tensors, which hold their device.
  ~CudaDevice() override {
    try {
      gpu::use_device(ordinal_);
    } catch (const Error&) {  // after an error in a kernel every call says it
    }
    for (uint64_t* words : pinned_words_) gpu::free_pinned(words);
    gpu::destroy(stream_);
  }

  DeviceKind kind() const override { return DeviceKind::cuda; }
  std::string name() const override {
    return ordinal_ == 0 ? gpu::device_kind() : text(gpu::device_kind(), ":", ordinal_);
  }
  DeviceProperties properties() const override {
    gpu::use_device(ordinal_);
    const gpu::MemoryState state = gpu::memory_state();
    return {gpu::describe_device(ordinal_),
            state.free_bytes + static_cast<int64_t>(allocator_.cached_bytes()), state.total_bytes};
  }

  void replay(const std::shared_ptr<Graph>& graph) override {
    const auto own = std::dynamic_pointer_cast<CudaGraph>(graph);
    if (own == nullptr) fail("usage", "replay: this graph was captured on another device");
    queue({[this, own](ExecutionContext&) { launch(own); },
           [own] { return text("graph of ", own->work().size(), " operations"); }});
  }

  void abandon() override { abandoned_ = true; }

 protected:
  void* allocate_bytes(size_t bytes) override {
    refuse_broken();
    void* data = allocator_.allocate_without_returning(bytes);
    if (data == nullptr) {
      // Tensors that were disposed may still wait to be launched with: JavaScript is ahead.
      wait_for_launches();
      data = allocator_.allocate(bytes);
    }
    if (data != nullptr && poison_memory()) {
      launcher_.push(
          [this, data, bytes] { attempt([&] { gpu::fill(data, 0xff, bytes, stream_); }); });
    }
    return data;
  }
  void free_bytes(void* data) noexcept override { allocator_.release(data); }

  void queue(Work work) override {
    launcher_.push([this, work = std::move(work)] { attempt([&] { execute(work, errors_); }); });
    if (run_immediately()) wait();
  }

  void queue_write(const Tensor& target, std::vector<std::byte> values) override {
    const auto shared = std::make_shared<std::vector<std::byte>>(std::move(values));
    queue({[this, target, shared](ExecutionContext&) {
             staging_.write(target.data<std::byte>(), shared->data(), shared->size());
           },
           [target] { return text("write(tensor: ", target.to_string(), ")"); }});
  }

  void queue_read(const Tensor& source, std::byte* values) override {
    queue({[this, source, values](ExecutionContext&) {
             staging_.read(values, source.data<std::byte>(), source.bytes());
           },
           [source] { return text("read(tensor: ", source.to_string(), ")"); }});
  }

  std::shared_ptr<Event> queue_event() override {
    auto event = std::make_shared<CudaEvent>(ordinal_);
    launcher_.push([this, event] { attempt([&] { event->record(stream_); }); });
    return event;
  }

  void queue_synchronization(std::function<void(std::exception_ptr)> done) override {
    launcher_.push([this, done = std::move(done)] { mark(done); });
  }

  std::shared_ptr<Graph> make_graph(std::vector<Work> work) override {
    return std::make_shared<CudaGraph>(std::move(work), shared_from_this());
  }

 private:
  // The launcher's part: what all work queued so far has come to is known at the event.
  struct Mark {
    gpu::Event event = nullptr;
    std::exception_ptr error;  // found while launching
    std::vector<ErrorWords::Reading> readings;
  };

  // Runs the body on the launching thread unless something failed before.
  template <class Body>
  void attempt(Body&& body) {
    if (error_ || abandoned_) return;
    try {
      refuse_broken();
      body();
    } catch (...) {
      error_ = std::current_exception();
    }
  }

  void execute(const Work& work, ErrorWords& errors) {
    if (&errors == &errors_ && errors_.is_full()) {
      readings_.push_back(errors_.read(take_pinned(), false));
    }
    scratch_.reset();
    CudaExecution context{{}, work, stream_, scratch_, errors, matmul_, most_shared_bytes_};
    run_described(work, context, *this);
  }

  // What is loaded, chosen or allocated at its first use (kernels, cuBLASLt, its plans, scratch) is
  // so outside of a capture, where CUDA allows little: the first replay launches the work itself.
  void launch(const std::shared_ptr<CudaGraph>& graph) {
    if (!graph->ran) {
      for (const Work& work : graph->work()) execute(work, errors_);
      graph->ran = true;
      return;
    }
    if (graph->executable == nullptr) {
      if (graph->errors == nullptr) {
        graph->errors = std::make_unique<ErrorWords>(allocator_, stream_);
      }
      gpu::begin_capture(stream_);
      try {
        for (const Work& work : graph->work()) execute(work, *graph->errors);
        graph->executable = gpu::end_capture(stream_);
      } catch (...) {
        gpu::abandon_capture(stream_);
        graph->errors.reset();
        throw;
      }
    }
    gpu::launch(graph->executable, stream_);
    if (!graph->errors->is_empty()) {
      readings_.push_back(graph->errors->read(take_pinned(), true));
    }
  }

  void mark(const std::function<void(std::exception_ptr)>& done) {
    const auto mark = std::make_shared<Mark>();
    try {
      if (!errors_.is_empty()) readings_.push_back(errors_.read(take_pinned(), false));
      mark->event = gpu::create_event();
      gpu::record(mark->event, stream_);
    } catch (...) {
      if (!error_) error_ = std::current_exception();
    }
    mark->readings = std::exchange(readings_, {});
    mark->error = std::exchange(error_, nullptr);
    waiter_.push([this, mark, done] { done(outcome(*mark)); });
  }

  // The waiter's part.
  std::exception_ptr outcome(Mark& mark) {
    std::exception_ptr error;
    try {
      if (mark.event != nullptr) gpu::wait(mark.event);
      for (const ErrorWords::Reading& reading : mark.readings) {
        const std::string message = ErrorWords::first_error(reading);
        if (!message.empty()) fail("argument", message);
      }
      error = mark.error;
    } catch (const Error& failure) {
      error = std::current_exception();
      // A kernel's error ends the use of the device: CUDA answers every later call with it.
      if (std::string_view(failure.code()) == "execution" && !break_down(failure.what()) &&
          mark.error) {
        error = mark.error;  // which says since when
      }
    }
    if (mark.event != nullptr) gpu::destroy(mark.event);
    give_pinned(mark.readings);
    // Their messages hold tensors, and so the device, which may not end on its own thread.
    mark.readings.clear();
    return error;
  }

  // Whether it is news.
  bool break_down(const std::string& reason) {
    std::lock_guard lock(mutex_);
    if (broken_) return false;
    broken_ = reason;
    return true;
  }

  void refuse_broken() {
    std::lock_guard lock(mutex_);
    if (broken_) {
      fail("execution", text(name(), " cannot be used any more after an error in a kernel (",
                             *broken_, "); start the process again"));
    }
  }

  void wait() {
    std::promise<void> done;
    queue_synchronization([&done](std::exception_ptr error) {
      if (error) {
        done.set_exception(error);
      } else {
        done.set_value();
      }
    });
    done.get_future().get();
  }

  // Until all that was queued has been launched and has let go of its tensors.
  void wait_for_launches() {
    std::promise<void> done;
    launcher_.push([&done] { done.set_value(); });
    done.get_future().wait();
  }

  uint64_t* take_pinned() {
    {
      std::lock_guard lock(mutex_);
      if (!pinned_words_.empty()) {
        uint64_t* words = pinned_words_.back();
        pinned_words_.pop_back();
        return words;
      }
    }
    return static_cast<uint64_t*>(gpu::allocate_pinned(ErrorWords::kCount * sizeof(uint64_t)));
  }

  void give_pinned(const std::vector<ErrorWords::Reading>& readings) {
    std::lock_guard lock(mutex_);
    for (const ErrorWords::Reading& reading : readings) pinned_words_.push_back(reading.words);
  }

  const int ordinal_;
  CachingAllocator allocator_;
  const gpu::Stream stream_;
  const size_t most_shared_bytes_;
  // Of the launching thread alone:
  CudaScratch scratch_;
  ErrorWords errors_;
  MatmulPlans matmul_;
  Staging staging_;
  std::exception_ptr error_;
  std::vector<ErrorWords::Reading> readings_;

  std::atomic<bool> abandoned_{false};
  std::mutex mutex_;  // of what follows
  std::optional<std::string> broken_;
  std::vector<uint64_t*> pinned_words_;  // not in use
  // Last, as their tasks use all of the above. The launcher stays awake between two operations of a
  // step, which JavaScript queues microseconds apart.
  SerialThread waiter_, launcher_{std::chrono::microseconds(50)};
};

[[maybe_unused]] const bool linked = [] {
  cuda_support = {
      gpu::device_kind(),
      [](int ordinal) -> std::shared_ptr<Device> { return std::make_shared<CudaDevice>(ordinal); },
      gpu::device_count};
  return true;
}();

}  // namespace

}  // namespace leia
