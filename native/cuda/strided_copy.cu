// Two kernels. Where both sides are contiguous along the same dimension, or one is nowhere, a
// thread moves neighbours of the output, 16 bytes where that is possible. Where the sides are
// contiguous along different dimensions, a block turns a tile in shared memory: read along one and
// written along the other, so that both fill their sectors.
#include "cuda/strided_copy.cuh"

#include <limits>

namespace leia {

namespace {

// Division of numbers below 2^31 by a number that the host knows: a product and a shift
// (Granlund & Montgomery 1994), since a GPU takes some twenty instructions for a division.
struct Divisor {
  uint32_t value = 1, factor = 1, shift = 0;

  Divisor() = default;
  explicit Divisor(int64_t divisor) : value(static_cast<uint32_t>(divisor)) {
    while ((uint64_t{1} << shift) < value) ++shift;
    const uint64_t excess = (uint64_t{1} << shift) - value;
    factor = static_cast<uint32_t>((excess << 32) / value + 1);
  }
  // Takes the remainder out of `number`, which becomes the quotient.
  LEIA_DEVICE uint32_t remainder(uint32_t& number) const {
    const auto high = static_cast<uint32_t>(static_cast<uint64_t>(number) * factor >> 32);
    const uint32_t quotient = (high + number) >> shift;
    const uint32_t rest = number - quotient * value;
    number = quotient;
    return rest;
  }
};

// Dimensions that an index is taken apart into, innermost first.
struct Layout {
  Divisor sizes[Shape::kMaxRank];
  int64_t from[Shape::kMaxRank] = {}, to[Shape::kMaxRank] = {};
  int rank = 0;

  void append(const StridedCopy::Dimension& dimension) {
    sizes[rank] = Divisor(dimension.size);
    from[rank] = dimension.from;
    to[rank] = dimension.to;
    ++rank;
  }
};

// One thread per Width elements that are neighbours on both sides.
template <class T, int Width, bool Accumulate>
__global__ void copy_runs(Global<const T> from, Global<T> to, int64_t from_offset,
                          int64_t to_offset, uint32_t count, Layout layout) {
  uint32_t index = blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= count) return;
  for (int i = 0; i < layout.rank; ++i) {
    const int64_t at = layout.sizes[i].remainder(index);
    from_offset += at * layout.from[i];
    to_offset += at * layout.to[i];
  }
  if constexpr (Accumulate) {
    float sums[Width], values[Width];
    load_floats(sums, to.read_only(), to_offset, to_offset + Width);
    load_floats(values, from, from_offset, from_offset + Width);
#pragma unroll
    for (int i = 0; i < Width; ++i) sums[i] += values[i];
    store_floats(to, to_offset, to_offset + Width, sums);
  } else {
    to.store_vector(to_offset, from.template load_vector<Pack<T, Width>>(from_offset));
  }
}

constexpr uint32_t kTileThreads = 256;
constexpr int kTileRows = kTileThreads / kWarpSize;  // rows of a tile that are moved at once

// A warp moves whole sectors of 32 bytes with 2-byte elements too; their tiles are larger so that
// as many bytes are on the way. A word of padding puts the elements of a column into banks of their
// own.
template <class T>
constexpr int kTile = sizeof(T) < 4 ? 64 : 32;
template <class T>
constexpr int kTilePitch = kTile<T> + (sizeof(T) < 4 ? 4 / static_cast<int>(sizeof(T)) : 1);

// One block per tile. `along` is where `to` is contiguous, `across` where `from` is.
struct Tiles {
  Divisor along_tiles, across_tiles;
  int64_t along, across;          // sizes
  int64_t along_from, across_to;  // strides
};

template <class T>
__global__ void copy_tiles(Global<const T> from, Global<T> to, int64_t from_offset,
                           int64_t to_offset, Tiles tiles, Layout layout) {
  constexpr int kSize = kTile<T>, kPitch = kTilePitch<T>;
  const Shared<T> tile(0, kSize * kPitch);
  uint32_t index = blockIdx.x;
  const int64_t first_along = int64_t{tiles.along_tiles.remainder(index)} * kSize;
  const int64_t first_across = int64_t{tiles.across_tiles.remainder(index)} * kSize;
  for (int i = 0; i < layout.rank; ++i) {
    const int64_t at = layout.sizes[i].remainder(index);
    from_offset += at * layout.from[i];
    to_offset += at * layout.to[i];
  }
  const int lane = lane_index(), warp = static_cast<int>(threadIdx.x) / kWarpSize;
  for (int row = warp; row < kSize && first_along + row < tiles.along; row += kTileRows) {
    const int64_t source = from_offset + (first_along + row) * tiles.along_from + first_across;
    for (int i = lane; i < kSize && first_across + i < tiles.across; i += kWarpSize) {
      tile.store(row * kPitch + i, from.load(source + i));
    }
  }
  sync_threads();
  for (int row = warp; row < kSize && first_across + row < tiles.across; row += kTileRows) {
    const int64_t target = to_offset + (first_across + row) * tiles.across_to + first_along;
    for (int i = lane; i < kSize && first_along + i < tiles.along; i += kWarpSize) {
      to.store(target + i, tile.load(i * kPitch + row));
    }
  }
}

// Whether every run begins at a multiple of 16 bytes on both sides, and has whole multiples.
template <class T>
bool is_wide(const StridedCopy& copy) {
  const auto fits = [](int64_t elements) { return elements % kPack<T> == 0; };
  const StridedCopy::Dimension& inner = copy.innermost();
  bool wide = aligned(copy.from, copy.to) && fits(copy.from_offset) && fits(copy.to_offset) &&
              inner.from == 1 && inner.to == 1 && fits(inner.size);
  for (int i = 0; i + 1 < copy.rank; ++i) wide = wide && fits(copy[i].from) && fits(copy[i].to);
  return wide;
}

template <class T, bool Accumulate>
void by_runs(const StridedCopy& copy, CudaContext& context) {
  with_width<T>(is_wide<T>(copy), [&](auto width) {
    const StridedCopy::Dimension& inner = copy.innermost();
    const int64_t count = copy.elements() / width;
    Layout layout;
    layout.append({inner.size / width, inner.from * width, inner.to * width});
    for (int i = copy.rank - 2; i >= 0; --i) layout.append(copy[i]);
    launch("strided_copy", copy_runs<T, width, Accumulate>, over_elements(count, 1), context.stream,
           input<T>(copy.from), output<T>(copy.to), copy.from_offset, copy.to_offset,
           static_cast<uint32_t>(count), layout);
  });
}

template <class T>
void by_tiles(const StridedCopy& copy, int side, CudaContext& context) {
  const StridedCopy::Dimension &along = copy.innermost(), &across = copy[side];
  const int64_t along_tiles = (along.size + kTile<T> - 1) / kTile<T>;
  const int64_t across_tiles = (across.size + kTile<T> - 1) / kTile<T>;
  const Tiles tiles{
      Divisor(along_tiles), Divisor(across_tiles), along.size, across.size, along.from, across.to};
  Layout layout;
  for (int i = copy.rank - 2; i >= 0; --i) {
    if (i != side) layout.append(copy[i]);
  }
  const int64_t outer = copy.elements() / (along.size * across.size);
  launch("strided_copy", copy_tiles<T>,
         {.blocks = static_cast<uint32_t>(outer * along_tiles * across_tiles),
          .threads = kTileThreads,
          .shared_bytes = sizeof(T) * kTile<T> * kTilePitch<T>},
         context.stream, input<T>(copy.from), output<T>(copy.to), copy.from_offset, copy.to_offset,
         tiles, layout);
}

// With fewer elements along one of the sides most of a tile would be empty.
constexpr int64_t kLeastForTiles = 8;

template <class T>
void copy_elements(const StridedCopy& copy, CudaContext& context) {
  const StridedCopy::Dimension& inner = copy.innermost();
  const int side = copy.contiguous_in_from();
  const bool turned = inner.to == 1 && inner.from != 1 && side >= 0;
  // Bytes go one by one: they are read from files and seldom turned.
  if constexpr (sizeof(T) > 1) {
    if (turned && inner.size >= kLeastForTiles && copy[side].size >= kLeastForTiles) {
      return by_tiles<T>(copy, side, context);
    }
  }
  by_runs<T, false>(copy, context);
}

}  // namespace

void strided_copy(const StridedCopy& given, CudaContext& context) {
  if (given.elements() == 0) return;
  StridedCopy copy = given.simplified();
  // Kernels count in 31 bits: what has more is made in halves.
  if (copy.elements() > std::numeric_limits<int32_t>::max()) {
    int widest = 0;
    for (int i = 1; i < copy.rank; ++i) widest = copy[i].size > copy[widest].size ? i : widest;
    const StridedCopy::Dimension whole = copy[widest];
    copy[widest].size = whole.size / 2;
    strided_copy(copy, context);
    copy.from_offset += whole.size / 2 * whole.from;
    copy.to_offset += whole.size / 2 * whole.to;
    copy[widest].size = whole.size - whole.size / 2;
    return strided_copy(copy, context);
  }
  if (copy.accumulate) {
    dispatch_float(copy.to.dtype, [&](auto type) { by_runs<decltype(type), true>(copy, context); });
  } else {
    dispatch_size(copy.to.dtype, [&](auto word) { copy_elements<decltype(word)>(copy, context); });
  }
}

}  // namespace leia
