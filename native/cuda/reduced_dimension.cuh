// Reduces a dimension in chunks and spreads a result over it again: what the kernels of sums and
// maxima have in common. A reducer says what is made of elements:
//
//   struct Reducer {
//     using Partial = ...;                                      // of some elements
//     static Partial none();
//     static Partial joined(Partial partial, float value, int64_t index);
//     static Partial joined(Partial a, Partial b);
//   };
//
// Included by the kernel files that launch it.
#pragma once

#include "core/reduced_dimension.h"
#include "cuda/rows.cuh"

namespace leia {

// A ReducedDimension with its chunks, as kernels take it.
struct Extents {
  int64_t outer, size, inner, chunk, chunks;

  Extents(const ReducedDimension& d)
      : outer(d.outer), size(d.size), inner(d.inner), chunk(d.chunk()), chunks(d.chunks()) {}
};

LEIA_DEVICE int64_t end_of_chunk(const Extents& d, int64_t first) {
  return first + d.chunk < d.size ? first + d.chunk : d.size;
}

// Where inner is 1: a block reduces a chunk. Blocks are [outer * chunks].
template <class Reducer, class T, int Width>
__global__ void __launch_bounds__(kRowThreads)
    reduce_rows(Global<const T> input, Global<typename Reducer::Partial> results, Extents d) {
  using Partial = typename Reducer::Partial;
  const Shared<Partial> partial(0, kRowWarps);
  const int64_t row = blockIdx.x / d.chunks, base = row * d.size;
  const int64_t first = blockIdx.x % d.chunks * d.chunk, end = end_of_chunk(d, first);
  Partial result = Reducer::none();
  for (int64_t i = first + static_cast<int64_t>(threadIdx.x) * Width; i < end;
       i += int64_t{kRowThreads} * Width) {
    float x[Width];
    load_floats(x, input, base + i, base + end);
#pragma unroll
    for (int j = 0; j < Width; ++j) result = Reducer::joined(result, x[j], i + j);
  }
  result =
      block_reduce(result, partial, [](Partial a, Partial b) { return Reducer::joined(a, b); });
  if (threadIdx.x == 0) results.store(blockIdx.x, result);
}

// Else, or where rows are short: a thread reduces a chunk of Width columns. Blocks are
// [columns, chunks].
template <class Reducer, class T, int Width>
__global__ void __launch_bounds__(kStreamThreads)
    reduce_columns(Global<const T> input, Global<typename Reducer::Partial> results, Extents d) {
  using Partial = typename Reducer::Partial;
  const int64_t column = first_element(Width);
  if (column >= d.outer * d.inner) return;
  const int64_t outer = column / d.inner, inner = column % d.inner, chunk = blockIdx.y;
  const int64_t first = chunk * d.chunk, end = end_of_chunk(d, first);
  Partial own[Width];
#pragma unroll
  for (int j = 0; j < Width; ++j) own[j] = Reducer::none();
  for (int64_t i = first; i < end; ++i) {
    const int64_t at = (outer * d.size + i) * d.inner + inner;
    float x[Width];
    load_floats(x, input, at, at + Width);
#pragma unroll
    for (int j = 0; j < Width; ++j) own[j] = Reducer::joined(own[j], x[j], i);
  }
  const int64_t to = (outer * d.chunks + chunk) * d.inner + inner;
#pragma unroll
  for (int j = 0; j < Width; ++j) results.store(to + j, own[j]);
}

// [outer, chunks, inner], for another kernel to join.
template <class Reducer, class T>
Global<typename Reducer::Partial> reduce_chunks(const char* name, const Tensor& tensor,
                                                const ReducedDimension& dimension,
                                                CudaContext& context) {
  using Partial = typename Reducer::Partial;
  constexpr int64_t kShortRow = 32;       // what takes a block longer than a thread
  constexpr int64_t kMostChunks = 65535;  // of a grid in this direction
  const Extents d(dimension);
  const Global<Partial> results = context.scratch<Partial>(dimension.outputs() * d.chunks);
  if (d.chunks == 0) return results;
  if (d.inner == 1 && d.size > kShortRow) {
    with_width<T>(d.size % kPack<T> == 0 && aligned(tensor), [&](auto width) {
      launch(name, reduce_rows<Reducer, T, width>,
             {.blocks = static_cast<uint32_t>(d.outer * d.chunks),
              .threads = kRowThreads,
              .shared_bytes = kRowWarps * sizeof(Partial)},
             context.stream, input<T>(tensor), results, d);
    });
    return results;
  }
  require(d.chunks <= kMostChunks, name, ": the dimension has ", d.size, " elements, expected ",
          kMostChunks * d.chunk, " or fewer on CUDA unless it is the innermost");
  with_width<T>(d.inner % kPack<T> == 0 && aligned(tensor), [&](auto width) {
    LaunchShape shape = over_elements(dimension.outputs(), width);
    shape.blocks_y = static_cast<uint32_t>(d.chunks);
    launch(name, reduce_columns<Reducer, T, width>, shape, context.stream, input<T>(tensor),
           results, d);
  });
  return results;
}

// Joins the results of an output's chunks.
template <class Reducer>
LEIA_DEVICE typename Reducer::Partial result_of_chunks(
    Global<const typename Reducer::Partial> results, int64_t output, const Extents& d LEIA_WHERE) {
  const int64_t first = output / d.inner * d.chunks * d.inner + output % d.inner;
  typename Reducer::Partial total = Reducer::none();
  for (int64_t chunk = 0; chunk < d.chunks; ++chunk) {
    total = Reducer::joined(total, results.load(first + chunk * d.inner LEIA_HERE));
  }
  return total;
}

// Where an element of the reduced tensor lies, for going through elements one by one.
struct Position {
  int64_t outer, index, inner;

  LEIA_DEVICE Position(int64_t element, const Extents& d) {
    inner = element % d.inner;
    index = element / d.inner % d.size;
    outer = element / d.inner / d.size;
  }
  LEIA_DEVICE int64_t output(const Extents& d) const { return outer * d.inner + inner; }
  LEIA_DEVICE void advance(const Extents& d) {
    if (++inner < d.inner) return;
    inner = 0;
    if (++index < d.size) return;
    index = 0;
    ++outer;
  }
};

}  // namespace leia
