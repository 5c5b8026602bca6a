#include "two_streams.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <memory>
#include <thread>

#include "core/device.h"
#include "core/rank_work.h"
#include "cuda/execution.h"
#include "emulator/launch.h"

namespace leia::emulator_test {

namespace {

// Memory of its own for each tensor: large requests share none.
constexpr int64_t kElements = 1 << 20;
// Longer than what does not wait takes to run.
constexpr auto kTime = std::chrono::milliseconds(100);

gpu::Stream stream_of(ExecutionContext& context) {
  return static_cast<CudaExecution&>(context).stream;
}

// What holds up a stream until it is opened.
class Gate {
 public:
  void hold(gpu::Stream stream) const {
    emulator::queue(stream, [opened = opened_] { opened.wait(); });
  }
  void open() { promise_.set_value(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> opened_{promise_.get_future()};
};

// An operation that copies.
class Copy final : public Work {
 public:
  Copy(Tensor input, Tensor output) : input_(std::move(input)), output_(std::move(output)) {}

  void run(ExecutionContext& context) const override {
    gpu::copy(output_.data<void>(), input_.data<void>(), input_.bytes(), stream_of(context));
  }
  std::string describe() const override { return "a copy"; }
  std::vector<Operand> operands() const override {
    return {Operand(input_, Access::read), Operand(output_, Access::write)};
  }

 private:
  const Tensor input_, output_;
};

// Copies the input to the output when the gate is open; without tensors, only waits.
class HeldCollective final : public RankWork {
 public:
  HeldCollective(const Gate& gate, std::atomic<double>& seconds, Tensor input, Tensor output)
      : gate_(gate), seconds_(seconds), input_(std::move(input)), output_(std::move(output)) {}

  void run(ExecutionContext& context) const override {
    gate_.hold(stream_of(context));
    if (!input_) return;
    gpu::copy(output_.data<void>(), input_.data<void>(), input_.bytes(), stream_of(context));
  }
  std::string describe() const override { return "a collective"; }
  std::vector<Operand> operands() const override {
    if (!input_) return {};
    return {Operand(input_, Access::read), Operand(output_, Access::write)};
  }
  Check check_later() const override {
    return [&seconds = seconds_](std::optional<double> took) { seconds = took.value_or(seconds); };
  }

 private:
  const Gate& gate_;
  std::atomic<double>& seconds_;
  const Tensor input_, output_;
};

class Scenario {
 public:
  ~Scenario() { synchronize(); }

  std::shared_ptr<Device> device = Device::open("emulated");
  Gate gate;
  std::atomic<double> seconds{0};  // that the collective took

  Tensor tensor() {
    Tensor result{.dtype = DType::float32, .shape = {kElements}};
    result.storage = device->allocate(result.bytes());
    return result;
  }
  // One whose bytes are all this one.
  Tensor filled(int byte) {
    Tensor result = tensor();
    fill(result, byte);
    return result;
  }
  void fill(const Tensor& target, int byte) {
    device->enqueue(
        tensor_work("fill", target, Access::write, [target, byte](ExecutionContext& context) {
          gpu::fill(target.data<void>(), byte, target.bytes(), stream_of(context));
        }));
  }
  void collect(const Tensor& input, const Tensor& output) {
    device->enqueue(std::make_shared<const HeldCollective>(gate, seconds, input, output));
  }
  void copy(const Tensor& input, const Tensor& output) {
    device->enqueue(std::make_shared<const Copy>(input, output));
  }
  // Sets the flag when the first stream comes to it.
  void mark(std::atomic<bool>& flag) {
    const auto place = filled(0);
    device->enqueue(tensor_work("mark", place, Access::write, [&flag](ExecutionContext& context) {
      emulator::queue(stream_of(context), [&flag] { flag = true; });
    }));
  }
  // Reads it on the first stream.
  void touch(const Tensor& source) {
    device->enqueue(tensor_work("touch", source, Access::read, [](ExecutionContext&) {}));
  }
  void wait_for_launches() {
    std::promise<void> launched;
    device->enqueue(tensor_work("launch", filled(0), Access::write,
                                [&launched](ExecutionContext&) { launched.set_value(); }));
    launched.get_future().wait();
  }
  void let_go() {
    wait_for_launches();
    std::this_thread::sleep_for(kTime);
    gate.open();
  }
  void synchronize() {
    std::promise<void> done;
    device->synchronize([&](const FailurePtr&) { done.set_value(); });
    done.get_future().wait();
  }
  // A byte of the tensor: all of them, or -1 if they differ.
  float byte_of(const Tensor& source) {
    std::vector<std::byte> values(source.bytes());
    std::promise<void> done;
    device->read(source, values.data(), [&](const FailurePtr&) { done.set_value(); });
    done.get_future().wait();
    for (const std::byte value : values) {
      if (value != values.front()) return -1;
    }
    return static_cast<float>(values.front());
  }
};

// `is_passed`: a kernel has waited for the collective before the memory is freed.
std::vector<float> free_input(bool is_passed) {
  Scenario scene;
  const Tensor output = scene.filled(2);
  scene.synchronize();
  const auto live = scene.device->live_bytes();
  Tensor input = scene.filled(1);
  scene.collect(input, output);
  if (is_passed) scene.touch(output);
  const void* memory = input.data<void>();
  scene.wait_for_launches();
  input = {};
  const Tensor next = scene.tensor();
  scene.fill(next, 7);
  const bool is_same = next.data<void>() == memory;
  scene.let_go();
  const float byte = scene.byte_of(output);
  scene.synchronize();
  return {byte, is_same ? 1.0f : 0.0f,
          static_cast<float>(scene.device->live_bytes() - live - kElements * 4)};
}

}  // namespace

std::vector<float> beside_a_collective(const std::string& scenario) {
  if (scenario == "freed" || scenario == "passed") return free_input(scenario == "passed");
  Scenario scene;
  std::atomic<bool> ran{false};
  const Tensor input = scene.filled(1), output = scene.filled(2), other = scene.filled(3);
  if (scenario == "beside") {
    scene.collect(input, output);
    scene.mark(ran);
    while (!ran) std::this_thread::yield();  // for ever, if it waits for the collective
    scene.let_go();
    const float byte = scene.byte_of(output);
    scene.synchronize();
    const bool is_timed = scene.seconds >= std::chrono::duration<double>(kTime).count();
    return {byte, 1, is_timed ? 1.0f : 0.0f};
  }
  if (scenario == "barrier") {
    scene.collect({}, {});
    scene.mark(ran);
    scene.wait_for_launches();
    std::this_thread::sleep_for(kTime);
    const bool was_early = ran;
    scene.gate.open();
    scene.synchronize();
    return {ran ? 1.0f : 0.0f, was_early ? 1.0f : 0.0f};
  }
  if (scenario == "after") {
    scene.collect(input, output);
    scene.copy(output, other);
    scene.let_go();
    return {scene.byte_of(other)};
  }
  if (scenario == "before") {
    // The gate holds the kernel; the collective has one that is open.
    Gate open;
    open.open();
    scene.device->enqueue(
        tensor_work("held fill", input, Access::write, [&](ExecutionContext& context) {
          scene.gate.hold(stream_of(context));
          gpu::fill(input.data<void>(), 5, input.bytes(), stream_of(context));
        }));
    scene.device->enqueue(
        std::make_shared<const HeldCollective>(open, scene.seconds, input, output));
    scene.let_go();
    const float byte = scene.byte_of(output);
    return {byte};
  }
  scene.collect(input, output);
  scene.fill(input, 9);
  scene.let_go();
  return {scene.byte_of(output), scene.byte_of(input)};
}

}  // namespace leia::emulator_test
