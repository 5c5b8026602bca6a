// Tiles of attention's CPU kernels: a part of flash_attention_cpu_kernels.h, compiled once per
// instruction set.
//
// A task owns one block of kBlock positions, one position per vector lane: queries in the forward
// pass and for dQ, keys for dK and dV. It walks over the other side in tiles of kTile positions.
// Scores of a tile are [tile position, lane], so maxima and sums of a query are plain vector
// operations, and the tile of probabilities is already packed as the right operand of the next
// product. Operands come in three layouts, all float32: "rows" [panel of kRows positions][d][kRows]
// and "dims" [panel of kRows d][position][kRows] are left operands, packed once per head and
// shared; "lanes" [d][kBlock] is the block itself.
#include "cpu/micro_kernel.h"
#include "ops/flash_attention/flash_attention_cpu_head.h"

namespace leia::LEIA_ISA {

constexpr int kRows = kLanes == 16 ? 8 : 4;  // with 2 vectors of lanes, what the registers hold
constexpr int64_t kBlock = kTileColumns;
constexpr int64_t kTile = 64;
constexpr int64_t kMaxDims = 256;

inline int64_t padded(int64_t count) {
  return (count + kRows - 1) / kRows * kRows;
}

template <class T>
void pack_rows(const Head<T>& head, float* to) {
  for (int64_t position = 0; position < padded(head.positions); ++position) {
    float* panel = to + position / kRows * kRows * head.dims + position % kRows;
    for (int64_t d = 0; d < head.dims; ++d) {
      panel[d * kRows] = position < head.positions ? to_float(head.row(position)[d]) : 0.0f;
    }
  }
}

template <class T>
void pack_dims(const Head<T>& head, float* to) {
  for (int64_t d = 0; d < padded(head.dims); ++d) {
    float* panel = to + d / kRows * kRows * head.positions + d % kRows;
    for (int64_t position = 0; position < head.positions; ++position) {
      panel[position * kRows] = d < head.dims ? to_float(head.row(position)[d]) : 0.0f;
    }
  }
}

template <class T>
void pack_lanes(const Head<T>& head, int64_t first, int64_t count, float scale, float* to) {
  std::memset(to, 0, static_cast<size_t>(head.dims * kBlock) * sizeof(float));
  for (int64_t lane = 0; lane < count; ++lane) {
    for (int64_t d = 0; d < head.dims; ++d) {
      to[d * kBlock + lane] = to_float(head.row(first + lane)[d]) * scale;
    }
  }
}

// tile[position, lane] = sum_d rows[position, d] * lanes[d, lane] for positions [begin, end); begin
// is a multiple of kRows.
inline void multiply_rows(const float* rows, const float* lanes, int64_t dims, int64_t begin,
                          int64_t end, float* tile) {
  for (int64_t position = begin; position < end; position += kRows) {
    multiply_tile<kRows>(rows + position * dims, lanes, dims, tile + (position - begin) * kBlock,
                         kBlock, false);
  }
}

// sums[d, lane] += sum_position dims[d, position] * tile[position, lane] over [begin, end).
inline void add_product(const float* dims_panels, const float* tile, int64_t dims,
                        int64_t positions, int64_t begin, int64_t end, float* sums) {
  for (int64_t d = 0; d < dims; d += kRows) {
    multiply_tile<kRows>(dims_panels + d * positions + begin * kRows, tile, end - begin,
                         sums + d * kBlock, kBlock, true);
  }
}

template <class T>
void write_lanes(const float* sums, const float* factors, int64_t first, int64_t count,
                 const Head<T>& head) {
  for (int64_t lane = 0; lane < count; ++lane) {
    T* row = head.row(first + lane);
    for (int64_t d = 0; d < head.dims; ++d) {
      row[d] = from_float<T>(sums[d * kBlock + lane] * factors[lane]);
    }
  }
}

// The tiles [begin, end) of keys that a block of queries sees at all, from a multiple of kTile on.
struct KeyRange {
  int64_t begin, end;
};

inline KeyRange visible_range(const VisibleKeys& visible, int64_t first, int64_t count) {
  return {visible.first[static_cast<size_t>(first)] / kTile * kTile,
          visible.last[static_cast<size_t>(first + count - 1)]};
}

// Whether every query of [first, first + count) sees every key of [begin, end).
inline bool all_visible(const VisibleKeys& visible, int64_t first, int64_t count, int64_t begin,
                        int64_t end) {
  return visible.first[static_cast<size_t>(first + count - 1)] <= begin &&
         visible.last[static_cast<size_t>(first)] >= end;
}

struct LaneLimits {
  Ints first[2], last[2];
};

// The visible keys of a block of queries; lanes beyond count see none.
inline LaneLimits lane_limits(const VisibleKeys& visible, int64_t first, int64_t count) {
  int32_t from[kBlock] = {}, to[kBlock] = {};
  std::memcpy(from, visible.first.data() + first, static_cast<size_t>(count) * sizeof(int32_t));
  std::memcpy(to, visible.last.data() + first, static_cast<size_t>(count) * sizeof(int32_t));
  LaneLimits limits;
  std::memcpy(&limits.first, from, sizeof(from));
  std::memcpy(&limits.last, to, sizeof(to));
  return limits;
}

// Bounds the first rows' scores.
inline void cap_tile(float* tile, int64_t rows, Softcap softcap) {
  for (int64_t i = 0; i < rows * kBlock; i += kLanes) store(tile + i, softcap.of(load(tile + i)));
}

// Hides scores of keys that a query does not see.
inline void mask_tile(float* tile, const LaneLimits& limits, int64_t begin, int64_t end) {
  const Floats hidden = splat(-__builtin_inff());
  for (int64_t key = begin; key < end; ++key) {
    const auto position = static_cast<int32_t>(key);
    for (int half = 0; half < 2; ++half) {
      float* scores = tile + (key - begin) * kBlock + half * kLanes;
      const auto seen = (limits.first[half] <= position) & (limits.last[half] > position);
      store(scores, seen ? load(scores) : hidden);
    }
  }
}

// One step of the online softmax: turns a tile of scores into exponentials relative to the running
// maximum; returns the factor by which earlier sums shrink.
inline Floats online_softmax(float* tile, int64_t rows, Floats& maximum_so_far, Floats& sum) {
  Floats top = maximum_so_far;
  for (int64_t row = 0; row < rows; ++row) top = maximum(top, load(tile + row * kBlock));
  // A lane that has seen no key yet: any finite base makes its exponentials zero.
  const Floats base = top == splat(-__builtin_inff()) ? splat(0.0f) : top;
  const Floats shrink = exponential_of_negative(maximum_so_far - base);
  Floats added{};
  for (int64_t row = 0; row < rows; ++row) {
    const Floats p = exponential_of_negative(load(tile + row * kBlock) - base);
    store(tile + row * kBlock, p);
    added += p;
  }
  sum = sum * shrink + added;
  maximum_so_far = top;
  return shrink;
}

// Packed panels of the heads of one batch entry.
struct Panels {
  float* data;
  int64_t size;  // floats per head
  float* head(int64_t index) const { return data + index * size; }
};

inline Panels take_rows(const Tensor& tensor, CpuContext& context) {
  const int64_t size = padded(tensor.shape[1]) * tensor.shape[3];
  return {context.scratch.take<float>(size * tensor.shape[2]), size};
}

inline Panels take_dims(const Tensor& tensor, CpuContext& context) {
  const int64_t size = tensor.shape[1] * padded(tensor.shape[3]);
  return {context.scratch.take<float>(size * tensor.shape[2]), size};
}

inline int64_t blocks_of(int64_t positions) {
  return (positions + kBlock - 1) / kBlock;
}

}  // namespace leia::LEIA_ISA
