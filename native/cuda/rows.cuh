// Kernels that compute rows, the innermost dimension, each by one block: how a block's threads
// share a row out. A row that fits into the block's registers (Held groups of 16 bytes a thread) is
// read once; longer or unaligned ones are read again from the caches.
#pragma once

#include "cuda/context.cuh"
#include "cuda/reduce.cuh"

namespace leia {

constexpr int kRowThreads = 256;
constexpr int kRowWarps = kRowThreads / kWarpSize;

// Calls body with the first index of each group of Width elements that this thread has of a row of
// that size, and with where it holds them. Held is 0 where nothing can be held.
template <int Width, int Held, class Body>
LEIA_DEVICE void for_row(int64_t size, Body body) {
  const int64_t first = static_cast<int64_t>(threadIdx.x) * Width;
  constexpr int64_t kStride = int64_t{kRowThreads} * Width;
  if constexpr (Held == 0) {
    for (int64_t i = first; i < size; i += kStride) body(i, 0);
  } else {
#pragma unroll
    for (int group = 0; group < Held; ++group) {
      if (const int64_t i = first + group * kStride; i < size) body(i, group);
    }
  }
}

template <int Held>
constexpr int kPlaces = Held == 0 ? 1 : Held;

// Calls body with the width of an access and with how many groups of that width a thread holds of a
// row. 16-byte accesses need every row to begin at a multiple of 16 bytes.
template <class T, class Body>
void with_row(int64_t size, bool is_aligned, Body&& body) {
  constexpr int kWidth = kPack<T>;
  const auto call = [&](auto width, auto held) { body(width, held); };
  const std::integral_constant<int, kWidth> wide;
  const int64_t groups = (size + kRowThreads * kWidth - 1) / (kRowThreads * kWidth);
  if (!is_aligned || size % kWidth != 0) {
    call(std::integral_constant<int, 1>{}, std::integral_constant<int, 0>{});
  } else if (groups == 1) {
    call(wide, std::integral_constant<int, 1>{});
  } else if (groups == 2) {
    call(wide, std::integral_constant<int, 2>{});
  } else if (groups <= 4) {
    call(wide, std::integral_constant<int, 4>{});
  } else {
    call(wide, std::integral_constant<int, 0>{});
  }
}

// One block for each of so many rows, with room for block_reduce of a float.
inline LaunchShape over_rows(int64_t rows) {
  return {.blocks = static_cast<uint32_t>(rows),
          .threads = kRowThreads,
          .shared_bytes = kRowWarps * sizeof(float)};
}

// Nothing, where the tensor was not given.
template <class T>
Global<T> optional(const Tensor& tensor) {
  return tensor ? Global<T>(tensor.data<T>(), tensor.elements()) : Global<T>(nullptr, 0);
}

}  // namespace leia
