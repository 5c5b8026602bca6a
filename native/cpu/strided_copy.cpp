// Three loops, by where the two sides are contiguous: runs that both have are moved whole; where
// the sides are contiguous along different dimensions, small tiles are transposed; anything else
// goes number by number.
#include "cpu/strided_copy.h"

#include <cstring>

#include "cpu/transpose.h"

namespace leia {

namespace {

constexpr int64_t kChunk = int64_t{1} << 16;  // elements
// Side of a tile. Each of its rows spans one to four neighbouring cache lines, so that memory is
// read and written in long pieces; a tile fits the smallest first-level cache.
template <class T>
constexpr int64_t kTile = sizeof(T) == 8 ? 32 : 64;
// Tiles that one task takes.
constexpr int64_t kTaskTiles = 16;
// From here on memcpy is faster than a loop.
constexpr int64_t kLongRun = 16;

// Where both sides begin for an index, counted over all dimensions but the last `inner`.
struct Position {
  int64_t from, to;
};

Position position(const StridedCopy& copy, int inner, int64_t index) {
  Position result{copy.from_offset, copy.to_offset};
  for (int i = copy.rank - 1 - inner; i >= 0; --i) {
    const auto& [size, from, to] = copy[i];
    result.from += index % size * from;
    result.to += index % size * to;
    index /= size;
  }
  return result;
}

template <class T>
void copy_run(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t count) {
  if (from_stride == 1 && to_stride == 1 && count >= kLongRun) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
    return;
  }
  for (int64_t i = 0; i < count; ++i) to[i * to_stride] = from[i * from_stride];
}

template <class T>
void add_run(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    T& sum = to[i * to_stride];
    sum = from_float<T>(to_float(sum) + to_float(from[i * from_stride]));
  }
}

// Run by run, each along the innermost dimension.
template <class T, class Run>
void by_runs(const StridedCopy& copy, CpuContext& context, Run run) {
  const T* from = copy.from.data<T>();
  T* to = copy.to.data<T>();
  const StridedCopy::Dimension inner = copy.innermost();
  context.parallel_ranges(copy.elements(), kChunk, [&](int64_t first, int64_t last) {
    for (int64_t at = first; at < last;) {
      const int64_t skipped = at % inner.size;
      const int64_t count = std::min(inner.size - skipped, last - at);
      const Position begin = position(copy, 1, at / inner.size);
      run(from + begin.from + skipped * inner.from, inner.from, to + begin.to + skipped * inner.to,
          inner.to, count);
      at += count;
    }
  });
}

// Tile by tile of the two innermost dimensions: `from` is contiguous along the outer of them. A
// tile is read into memory of its own, as the lines of a matrix whose rows are a power of two apart
// drive each other out of the cache, and transposed on the way out.
template <class T>
void by_tiles(const StridedCopy& copy, CpuContext& context) {
  const T* from = copy.from.data<T>();
  T* to = copy.to.data<T>();
  const StridedCopy::Dimension across = copy[copy.rank - 2], along = copy[copy.rank - 1];
  constexpr int64_t kTaskRows = kTaskTiles * kTile<T>;
  const int64_t strips = (across.size + kTile<T> - 1) / kTile<T>;
  const int64_t parts = (along.size + kTaskRows - 1) / kTaskRows;
  const int64_t outer = copy.elements() / (across.size * along.size);
  context.parallel_for(outer * strips * parts, [&](int64_t task) {
    const Position begin = position(copy, 2, task / parts / strips);
    const int64_t first = task / parts % strips * kTile<T>;
    const int64_t width = std::min(kTile<T>, across.size - first);
    const int64_t top = task % parts * kTaskRows;
    const int64_t bottom = std::min(top + kTaskRows, along.size);
    T block[kTile<T> * kTile<T>];
    for (int64_t tile = top; tile < bottom; tile += kTile<T>) {
      const int64_t height = std::min(kTile<T>, bottom - tile);
      const T* source = from + begin.from + tile * along.from + first;
      for (int64_t i = 0; i < height; ++i) {
        std::memcpy(block + i * kTile<T>, source + i * along.from,
                    static_cast<size_t>(width) * sizeof(T));
      }
      transpose(block, kTile<T>, height, width, to + begin.to + first * across.to + tile,
                across.to);
    }
  });
}

template <class T>
void copy_elements(StridedCopy copy, CpuContext& context) {
  const StridedCopy::Dimension inner = copy.innermost();
  const int side = copy.contiguous_in_from();
  if (inner.to == 1 && inner.from != 1 && side >= 0) {
    std::rotate(&copy[side], &copy[side] + 1, &copy[copy.rank - 1]);
    by_tiles<T>(copy, context);
  } else {
    by_runs<T>(copy, context, copy_run<T>);
  }
}

}  // namespace

void strided_copy(const StridedCopy& given, CpuContext& context) {
  if (given.elements() == 0) return;
  const StridedCopy copy = given.simplified();
  if (copy.accumulate) {
    dispatch_float(copy.to.dtype, [&](auto type) {
      using T = decltype(type);
      by_runs<T>(copy, context, add_run<T>);
    });
  } else {
    dispatch_size(copy.to.dtype, [&](auto word) { copy_elements<decltype(word)>(copy, context); });
  }
}

}  // namespace leia
