// How an operation comes to its kernels: tensors as ranges of global memory, the shape of a launch
// over many elements, and the registration that makes an execution known to run().
#pragma once

#include <algorithm>
#include <type_traits>

#include "core/operation.h"
#include "cuda/execution.h"
#include "cuda/vector.cuh"

namespace leia {

// What an execution by kernels is given.
struct CudaContext {
  CudaExecution& execution;
  Stream stream;

  explicit CudaContext(ExecutionContext& context)
      : execution(static_cast<CudaExecution&>(context)),
#if defined(__CUDACC__)
        stream(reinterpret_cast<cudaStream_t>(execution.stream)) {
  }
#else
        stream{ThreadPool::shared(), emulator::order_seed(), execution.stream} {
  }
#endif

  // Uninitialised memory until the operation's kernels are done.
  template <class T>
  Global<T> scratch(int64_t count) {
    return {static_cast<T*>(execution.scratch.take(static_cast<size_t>(count) * sizeof(T))), count};
  }

  // A word in which the kernels report bad inputs: all ones while there is none, else the least
  // position << 32 | value that was put there. The operation then fails, with its description and
  // the message as the error.
  Global<uint64_t> error_word(ErrorWords::Message message) {
    return {execution.errors.take([work = execution.work, message = std::move(message)](
                                      int64_t position, int32_t value) {
              return text(work->describe(), ": ", message(position, value));
            }),
            1};
  }
};

// Puts a bad input into the operation's error word; of several, the first stays.
LEIA_DEVICE void report_bad_input(Global<uint64_t> error_word, int64_t position,
                                  int32_t value LEIA_WHERE) {
  atomic_min(error_word, 0,
             static_cast<uint64_t>(position) << 32 | static_cast<uint32_t>(value) LEIA_HERE);
}

template <class T>
Global<const T> input(const Tensor& tensor) {
  return {tensor.data<T>(), tensor.elements()};
}

template <class T>
Global<T> output(const Tensor& tensor) {
  return {tensor.data<T>(), tensor.elements()};
}

// Whether every tensor begins at a multiple of 16 bytes, as 16-byte accesses need.
template <class... Tensors>
bool aligned(const Tensors&... tensors) {
  const auto is_aligned = [](const Tensor& tensor) {
    return !tensor || reinterpret_cast<uintptr_t>(tensor.data<std::byte>()) % 16 == 0;
  };
  return (is_aligned(tensors) && ...);
}

// Calls body with a compile-time width: elements that fill 16 bytes if that is possible, else 1.
template <class T, class Body>
void with_width(bool wide, Body&& body) {
  if (wide) {
    body(std::integral_constant<int, kPack<T>>{});
  } else {
    body(std::integral_constant<int, 1>{});
  }
}

constexpr uint32_t kStreamThreads = 256;

// One thread per Width elements.
inline LaunchShape over_elements(int64_t count, int width) {
  const int64_t per_block = int64_t{kStreamThreads} * width;
  return {
      .blocks = static_cast<uint32_t>(std::max<int64_t>(1, (count + per_block - 1) / per_block)),
      .threads = kStreamThreads};
}

// First of the Width elements of this thread in such a launch.
LEIA_DEVICE int64_t first_element(int width) {
  return (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * width;
}

}  // namespace leia

// At the end of a kernel file, once for each operation: execute_cuda(const Operation&,
// CudaContext&) is how its kernels are run.
#define LEIA_CUDA_EXECUTION(Operation)                                        \
  [[maybe_unused]] static const bool cuda_executes_##Operation =              \
      ::leia::register_execution<Operation>(                                  \
          ::leia::DeviceKind::cuda,                                           \
          [](const Operation& operation, ::leia::ExecutionContext& context) { \
            ::leia::CudaContext cuda(context);                                \
            execute_cuda(operation, cuda);                                    \
          });
