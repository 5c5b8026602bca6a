// What every kernel file includes. nvcc compiles it to the GPU's own means; any other compiler to
// the emulator, where every access is checked and every point of waiting is a switch of fibers. A
// kernel is written once:
//
//   template <class T>
//   __global__ void scale(Global<const T> input, Global<T> output, float factor) {
//     const int64_t i = blockIdx.x * blockDim.x + threadIdx.x;
//     if (i < output.count()) output.store(i, from_float<T>(to_float(input.load(i)) * factor));
//   }
//   launch("scale", scale<float>, {.blocks = ..., .threads = ...}, stream, input, output, 2.0f);
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "core/error.h"

#if defined(__CUDACC__)

#include <cuda_runtime.h>

#define LEIA_DEVICE __device__ __forceinline__
// The place of a call, which the emulator's reports name; nothing on a GPU.
#define LEIA_WHERE
#define LEIA_ONLY_WHERE
#define LEIA_HERE
#define LEIA_ONLY_HERE

#else

#include <atomic>
#include <bit>
#include <cmath>
#include <tuple>

#include "emulator/launch.h"

#define LEIA_DEVICE inline
#define LEIA_WHERE , const ::leia::emulator::Where& where = ::leia::emulator::Where::current()
#define LEIA_ONLY_WHERE const ::leia::emulator::Where& where = ::leia::emulator::Where::current()
#define LEIA_HERE , where
#define LEIA_ONLY_HERE where

#define __global__
#define __device__
#define __restrict__
#define __launch_bounds__(...)

#define threadIdx (::leia::emulator::Block::current().index)
#define blockIdx (::leia::emulator::Block::current().block->index())
#define blockDim (::leia::emulator::Block::current().block->size())
#define gridDim (::leia::emulator::Block::current().block->grid())

#endif

namespace leia {

constexpr uint32_t kFullWarp = ~0u;
constexpr int kWarpSize = 32;

// A range of global memory. Indices count elements; a vector is loaded from and stored to an index
// that is a multiple of its size.
template <class T>
class Global {
 public:
  Global() = default;
#if defined(__CUDACC__)
  __host__ __device__ Global(T* data, int64_t) : data_(data) {}
  LEIA_DEVICE T load(int64_t i) const {
    return data_[i];
  }
  LEIA_DEVICE void store(int64_t i, T value) const {
    data_[i] = value;
  }
  template <class Vector>
  LEIA_DEVICE Vector load_vector(int64_t i) const {
    return *reinterpret_cast<const Vector*>(data_ + i);
  }
  template <class Vector>
  LEIA_DEVICE void store_vector(int64_t i, Vector value) const {
    *reinterpret_cast<Vector*>(data_ + i) = value;
  }
  LEIA_DEVICE T* address(int64_t i) const {
    return data_ + i;
  }
  __host__ __device__ Global<const T> read_only() const {
    return {data_, 0};
  }

 private:
  T* data_;
#else
  Global(T* data, int64_t count) : data_(data), count_(count) {}
  T load(int64_t i LEIA_WHERE) const {
    return *check<T>(i, where);
  }
  void store(int64_t i, T value LEIA_WHERE) const {
    *check<T>(i, where) = value;
  }
  template <class Vector>
  Vector load_vector(int64_t i LEIA_WHERE) const {
    return *reinterpret_cast<const Vector*>(check<Vector>(i, where));
  }
  template <class Vector>
  void store_vector(int64_t i, Vector value LEIA_WHERE) const {
    *reinterpret_cast<Vector*>(check<Vector>(i, where)) = value;
  }
  Global<const T> read_only() const {
    return {data_, count_};
  }
  // The address of `bytes` bytes from element i on.
  T* address(int64_t i, size_t bytes, const emulator::Where& where) const {
    const int64_t elements = static_cast<int64_t>((bytes + sizeof(T) - 1) / sizeof(T));
    if (i < 0 || i + elements > count_) {
      throw emulator::Fault(where, text("out of bounds: element ", i, " of ", count_,
                                        " in global memory, ", bytes, " bytes"));
    }
    if (reinterpret_cast<uintptr_t>(data_ + i) % bytes != 0) {
      throw emulator::Fault(where,
                            text("misaligned: ", bytes, " bytes of global memory at element ", i));
    }
    return data_ + i;
  }

 private:
  template <class Access>
  T* check(int64_t i, const emulator::Where& where) const {
    return address(i, sizeof(Access), where);
  }

  T* data_;
  int64_t count_;
#endif
};

// A range of the block's shared memory, which is one array of bytes laid out by the kernel.
template <class T>
class Shared {
 public:
#if defined(__CUDACC__)
  LEIA_DEVICE Shared(size_t byte_offset, int64_t) : offset_(static_cast<uint32_t>(byte_offset)) {}
  LEIA_DEVICE T load(int64_t i) const {
    return load_vector<T>(i);
  }
  LEIA_DEVICE void store(int64_t i, T value) const {
    store_vector(i, value);
  }
  template <class Vector>
  LEIA_DEVICE Vector load_vector(int64_t i) const {
    return *reinterpret_cast<const Vector*>(memory() + at(i));
  }
  template <class Vector>
  LEIA_DEVICE void store_vector(int64_t i, Vector value) const {
    *reinterpret_cast<Vector*>(memory() + at(i)) = value;
  }
  // As the instructions of PTX want it.
  LEIA_DEVICE uint32_t address(int64_t i) const {
    return static_cast<uint32_t>(__cvta_generic_to_shared(memory())) + at(i);
  }

 private:
  LEIA_DEVICE static unsigned char* memory() {
    extern __shared__ __align__(1024) unsigned char memory[];
    return memory;
  }
  // In bytes: 32 bits, with which arithmetic is cheaper.
  LEIA_DEVICE uint32_t at(int64_t i) const {
    return offset_ + static_cast<uint32_t>(i) * static_cast<uint32_t>(sizeof(T));
  }

  uint32_t offset_;
#else
  Shared(size_t byte_offset, int64_t count LEIA_WHERE) : offset_(byte_offset), count_(count) {
    const size_t bytes = emulator::Block::current().block->shared().bytes();
    const size_t end = byte_offset + static_cast<size_t>(count) * sizeof(T);
    if (end > bytes || byte_offset % alignof(T) != 0) {
      throw emulator::Fault(where, text("out of bounds: an array that ends at byte ", end, " of ",
                                        bytes, " bytes of shared memory"));
    }
  }
  T load(int64_t i LEIA_WHERE) const {
    return load_vector<T>(i, where);
  }
  void store(int64_t i, T value LEIA_WHERE) const {
    store_vector<T>(i, value, where);
  }
  template <class Vector>
  Vector load_vector(int64_t i LEIA_WHERE) const {
    emulator::Block& block = *emulator::Block::current().block;
    const size_t offset = address(i, sizeof(Vector), where);
    block.shared().check_read(offset, sizeof(Vector), block.accessor(), where);
    block.note_access(offset, sizeof(Vector), where);
    Vector value;
    std::memcpy(&value, block.shared().data() + offset, sizeof(Vector));
    return value;
  }
  template <class Vector>
  void store_vector(int64_t i, Vector value LEIA_WHERE) const {
    emulator::Block& block = *emulator::Block::current().block;
    const size_t offset = address(i, sizeof(Vector), where);
    block.shared().check_write(offset, sizeof(Vector), block.accessor(), where);
    block.note_access(offset, sizeof(Vector), where);
    std::memcpy(block.shared().data() + offset, &value, sizeof(Vector));
  }
  // The byte offset of `bytes` bytes from element i on.
  size_t address(int64_t i, size_t bytes, const emulator::Where& where) const {
    const int64_t elements = static_cast<int64_t>((bytes + sizeof(T) - 1) / sizeof(T));
    if (i < 0 || i + elements > count_) {
      throw emulator::Fault(where, text("out of bounds: element ", i, " of ", count_,
                                        " in shared memory, ", bytes, " bytes"));
    }
    return offset_ + static_cast<size_t>(i) * sizeof(T);
  }

 private:
  size_t offset_;
  int64_t count_;
#endif
};

// Waiting and exchanging within a block. Every thread of the block, or every lane of the mask, must
// come to the same call.
LEIA_DEVICE void sync_threads(LEIA_ONLY_WHERE) {
#if defined(__CUDACC__)
  __syncthreads();
#else
  emulator::Block::current().block->sync_threads(where);
#endif
}

LEIA_DEVICE void sync_warp(uint32_t mask = kFullWarp LEIA_WHERE) {
#if defined(__CUDACC__)
  __syncwarp(mask);
#else
  emulator::Block::current().block->sync_warp(mask, where);
#endif
}

// Blocks have one dimension (see LaunchShape).
LEIA_DEVICE int lane_index() {
  return static_cast<int>(threadIdx.x % kWarpSize);
}

#if !defined(__CUDACC__)
namespace emulator {

template <class T>
struct Exchange {
  T value;
  int source;
  T result;
};

// Every lane gets the value of the lane it names.
template <class T>
T exchange(const char* name, uint32_t mask, T value, int source, const Where& where) {
  Exchange<T> mine{value, source, value};
  Block::current().block->collective<Exchange<T>>(
      name, mask, mine, where, [](const std::array<Exchange<T>*, kWarp>& lanes, uint32_t all) {
        for (uint32_t lane = 0; lane < kWarp; ++lane) {
          if ((all >> lane & 1) == 0) continue;
          const auto from = static_cast<uint32_t>(lanes[lane]->source);
          // What an inactive lane gives is undefined: here, the result stays what came in.
          if (from < kWarp && (all >> from & 1) != 0) lanes[lane]->result = lanes[from]->value;
        }
      });
  return mine.result;
}

}  // namespace emulator
#endif

// The value of the lane whose number differs in the bits of `bits`.
template <class T>
LEIA_DEVICE T shuffle_xor(T value, int bits, uint32_t mask = kFullWarp LEIA_WHERE) {
#if defined(__CUDACC__)
  return __shfl_xor_sync(mask, value, bits);
#else
  return emulator::exchange("shuffle_xor", mask, value, lane_index() ^ bits, where);
#endif
}

// The value of that lane.
template <class T>
LEIA_DEVICE T shuffle(T value, int lane, uint32_t mask = kFullWarp LEIA_WHERE) {
#if defined(__CUDACC__)
  return __shfl_sync(mask, value, lane);
#else
  return emulator::exchange("shuffle", mask, value, lane, where);
#endif
}

// A bit for each lane whose condition holds.
LEIA_DEVICE uint32_t ballot(bool condition, uint32_t mask = kFullWarp LEIA_WHERE) {
#if defined(__CUDACC__)
  return __ballot_sync(mask, condition);
#else
  struct Vote {
    bool condition;
    uint32_t result;
  } mine{condition, 0};
  emulator::Block::current().block->collective<Vote>(
      "ballot", mask, mine, where,
      [](const std::array<Vote*, emulator::kWarp>& lanes, uint32_t all) {
        uint32_t result = 0;
        for (uint32_t lane = 0; lane < emulator::kWarp; ++lane) {
          if ((all >> lane & 1) != 0 && lanes[lane]->condition) result |= 1u << lane;
        }
        for (uint32_t lane = 0; lane < emulator::kWarp; ++lane) {
          if ((all >> lane & 1) != 0) lanes[lane]->result = result;
        }
      });
  return mine.result;
#endif
}

// How many bits are set.
LEIA_DEVICE int count_bits(uint32_t bits) {
#if defined(__CUDACC__)
  return __popc(bits);
#else
  return std::popcount(bits);
#endif
}

// Puts the value there if it is less than what is there, whatever other threads do meanwhile.
LEIA_DEVICE void atomic_min(Global<uint64_t> target, int64_t i, uint64_t value LEIA_WHERE) {
#if defined(__CUDACC__)
  static_assert(sizeof(unsigned long long) == sizeof(uint64_t));
  atomicMin(reinterpret_cast<unsigned long long*>(target.address(i)), value);
#else
  const std::atomic_ref<uint64_t> shared(*target.address(i, sizeof(uint64_t), where));
  uint64_t before = shared.load();
  while (value < before && !shared.compare_exchange_weak(before, value)) {
  }
#endif
}

// The sum over the warp, in the same order in every lane and run: a butterfly.
template <class T>
LEIA_DEVICE T warp_sum(T value LEIA_WHERE) {
  for (int bits = kWarpSize / 2; bits > 0; bits /= 2) {
    value += shuffle_xor(value, bits, kFullWarp LEIA_HERE);
  }
  return value;
}

template <class T>
LEIA_DEVICE T warp_max(T value LEIA_WHERE) {
  for (int bits = kWarpSize / 2; bits > 0; bits /= 2) {
    const T other = shuffle_xor(value, bits, kFullWarp LEIA_HERE);
    value = value > other ? value : other;
  }
  return value;
}

struct LaunchShape {
  uint32_t blocks = 1, blocks_y = 1, blocks_z = 1;
  uint32_t threads = 1;
  size_t shared_bytes = 0;
};

#if defined(__CUDACC__)
using Stream = cudaStream_t;
#else
struct Stream {
  ThreadPool& pool;
  uint64_t order = emulator::order_seed();
  gpu::Stream queue = nullptr;  // without one, kernels run at once
  emulator::SharedTraffic* traffic = nullptr;
};
#endif

// Queues the kernel on the stream of a GPU; runs it now on the emulator. The name is for reports.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), const LaunchShape& shape,
            Stream stream, Arguments&&... arguments) {
#if defined(__CUDACC__)
  // A kernel must ask for more than this.
  constexpr size_t kSharedBytes = 48 * 1024;
  if (shape.shared_bytes > kSharedBytes) {
    const cudaError_t refused = cudaFuncSetAttribute(
        kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shape.shared_bytes));
    if (refused != cudaSuccess) {
      (void)cudaGetLastError();
      fail("unsupported", text("kernel ", name, " needs ", shape.shared_bytes,
                               " bytes of shared memory a block, which this GPU refuses: ",
                               cudaGetErrorString(refused)));
    }
  }
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(shape.blocks, shape.blocks_y, shape.blocks_z);
  config.blockDim = dim3(shape.threads);
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream;
  // Not <<<>>>: its error has to be asked of the thread, which may still remember another
  // library's.
  const cudaError_t error =
      cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...);
  if (error != cudaSuccess) {
    (void)cudaGetLastError();
    fail("execution", text("kernel ", name, ": ", cudaGetErrorString(error)));
  }
#else
  const emulator::Grid grid{reinterpret_cast<const void*>(kernel),
                            {shape.blocks, shape.blocks_y, shape.blocks_z},
                            {shape.threads, 1, 1},
                            shape.shared_bytes};
  auto run = [=, &pool = stream.pool,
              values = std::tuple<Parameters...>(std::forward<Arguments>(arguments)...)] {
    emulator::run_grid(name, grid, stream.order, stream.traffic, pool,
                       [&] { std::apply(kernel, values); });
  };
  if (stream.queue == nullptr) {
    run();
  } else {
    emulator::queue(stream.queue, std::move(run));
  }
#endif
}

}  // namespace leia
