#include "streams.h"

#include <atomic>
#include <cstring>
#include <future>
#include <new>
#include <numeric>

#include "core/device.h"
#include "cpu/thread_pool.h"
#include "cuda/execution.h"
#include "emulator/launch.h"

namespace leia::emulator_test {

namespace {

gpu::Stream stream_of(ExecutionContext& context) {
  return static_cast<CudaExecution&>(context).stream;
}

void synchronize(Device& device) {
  std::promise<void> done;
  device.synchronize([&](const FailurePtr&) { done.set_value(); });
  done.get_future().wait();
}

}  // namespace

std::vector<float> read_behind_a_kernel(int64_t elements, bool into_pinned) {
  const auto device = Device::open("emulated");
  Tensor tensor{.dtype = DType::float32, .shape = {elements}};
  tensor.storage = device->allocate(tensor.bytes());
  std::vector<float> values(static_cast<size_t>(elements));
  std::iota(values.begin(), values.end(), 1.0f);
  std::vector<std::byte> bytes(tensor.bytes());
  std::memcpy(bytes.data(), values.data(), bytes.size());
  device->write(tensor, std::move(bytes));

  std::promise<void> gate, launched, arrived;
  std::atomic<bool> is_read{false};
  device->enqueue(tensor_work("hold", tensor, Access::read, [&](ExecutionContext& context) {
    emulator::queue(stream_of(context), [&] { gate.get_future().wait(); });
  }));
  std::vector<float> result(values.size() + 1, -1.0f);
  auto* target = reinterpret_cast<std::byte*>(result.data() + 1);
  // Not at its beginning, and not to its end.
  const auto host = device->allocate_host(tensor.bytes() + 8);
  device->read(tensor, into_pinned ? host.get() + 4 : target, [&](const FailurePtr&) {
    is_read = true;
    arrived.set_value();
  });
  device->enqueue(tensor_work("clear", tensor, Access::write, [&](ExecutionContext& context) {
    gpu::fill(tensor.data<std::byte>(), 0, tensor.bytes(), stream_of(context));
    launched.set_value();
  }));
  // With a launching thread that waits for the read, this waits for ever.
  launched.get_future().wait();
  result[0] = is_read ? 1.0f : 0.0f;
  gate.set_value();
  arrived.get_future().wait();
  if (into_pinned) std::memcpy(target, host.get() + 4, tensor.bytes());
  synchronize(*device);
  return result;
}

std::vector<float> copy_to_pinned(float value) {
  gpu::use_device(0);
  const gpu::Stream stream = gpu::create_stream();
  auto* source = static_cast<float*>(gpu::allocate(sizeof(float)));
  auto* pinned = static_cast<float*>(gpu::allocate_pinned(sizeof(float)));
  *source = value;
  const gpu::Event event = gpu::create_event();
  gpu::copy(pinned, source, sizeof(float), stream);
  gpu::record(event, stream);
  std::promise<void> past;
  emulator::queue(stream, [&] {
    *source = 0.0f;
    past.set_value();
  });
  past.get_future().wait();
  const float before = *pinned;
  gpu::wait(event);
  const float after = *pinned;
  gpu::destroy(event);
  gpu::destroy(stream);
  gpu::free_pinned(pinned);
  gpu::free(source);
  return {before, after};
}

std::vector<float> loops_that_throw(int threads, int64_t count, int64_t first,
                                    const std::string& kind) {
  ThreadPool pool(threads);
  std::vector<float> result;
  for (int round = 0; round < 3; ++round) {
    std::atomic<bool> has_returned{false};
    std::atomic<int> late{0};
    float thrown = -1.0f;
    try {
      pool.parallel_for(count, [&](int64_t i) {
        if (has_returned) ++late;
        if (i < first) return;
        if (kind == "memory") throw std::bad_alloc();
        fail("execution", text(i));
      });
    } catch (const Error& error) {
      thrown = std::stof(error.what());
    } catch (const std::bad_alloc&) {
      thrown = -2.0f;
    }
    has_returned = true;
    std::atomic<int64_t> sum{0};
    pool.parallel_for(count, [&](int64_t i) { sum += i; });
    for (const float value : {thrown, static_cast<float>(late), static_cast<float>(sum)}) {
      result.push_back(value);
    }
  }
  return result;
}

}  // namespace leia::emulator_test
