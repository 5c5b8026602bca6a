// How an operation comes to its kernels: tensors as ranges of global memory, the shape of a launch
// over many elements, and the registration that makes an execution known to run().
#pragma once

#include <algorithm>
#include <type_traits>

#include "core/operation.h"
#include "cuda/vector.cuh"

namespace leia {

// What an execution by kernels is given. Scratch memory lives until the operation's kernels are
// done.
struct CudaContext {
  Stream stream;
  Scratch& scratch_memory;

  template <class T>
  Global<T> scratch(int64_t count) {
    return {scratch_memory.take<T>(count), count};
  }
};

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
// CudaContext&) is how the emulator runs it.
#if defined(__CUDACC__)
#define LEIA_CUDA_EXECUTION(Operation)
#else
#define LEIA_CUDA_EXECUTION(Operation)                                                    \
  [[maybe_unused]] static const bool registered_##Operation =                             \
      ::leia::register_emulated<Operation>([](const Operation& op, CpuContext& context) { \
        CudaContext cuda{Stream{context.pool}, context.scratch};                          \
        execute_cuda(op, cuda);                                                           \
      });
#endif
