// Tiles of shared memory whose rows spread over all banks, and products of tiles by a warp.
//
// With g = lane / 4 and t = lane % 4, element i of a 16x8 tile of sums lies in row g + 8 * (i / 2),
// column 2t + i % 2. In bfloat16 the tensor cores multiply, and two such tiles side by side,
// rounded, are a left operand of the next product. In float32 the same sums are made by plain
// multiplication.
#pragma once

#include "cuda/ptx.cuh"
#include "cuda/vector.cuh"

namespace leia {

// One head of a [batch, positions, heads, dims] tensor.
template <class T>
struct HeadRows {
  Global<T> data;
  int64_t first;
  int32_t stride, count;

  LEIA_DEVICE HeadRows(Global<T> tensor, int64_t batch, int32_t positions, int32_t heads,
                       int32_t head, int dims)
      : data(tensor),
        first((batch * positions * heads + head) * dims),
        stride(heads * dims),
        count(positions) {}
  LEIA_DEVICE int64_t at(int32_t position) const { return first + int64_t{position} * stride; }
  // Without the positions from `end` on: what lies there is never read.
  LEIA_DEVICE HeadRows until(int32_t end) const {
    HeadRows part = *this;
    part.count = end;
    return part;
  }
};

// Rows rows of Dims numbers in chunks of 16 bytes. A chunk's place within its row is twisted by the
// row, so that the same chunk of eight rows in turn, which ldmatrix reads at once, lies in all 32
// banks.
template <class T_, int Rows_, int Dims_>
class Tile {
 public:
  using T = T_;
  static constexpr int kRows = Rows_, kDims = Dims_, kChunk = kPack<T>, kChunks = kDims / kChunk;
  static constexpr size_t kBytes = sizeof(T) * kRows * kDims;
  // Chunks that exchange places: as many as 128 bytes hold, if a row has so many.
  static constexpr int kTwisted = kChunks % 8 == 0 ? 8 : 4;
  static_assert(kChunks % kTwisted == 0 && kRows % 16 == 0);

  LEIA_DEVICE explicit Tile(size_t byte_offset) : memory_(byte_offset, kRows * kDims) {}

  // Where a chunk of a row begins.
  LEIA_DEVICE static int index(int row, int chunk) {
    const int twist = kTwisted == 8 ? row & 7 : row >> 1 & 3;
    return row * kDims + (chunk ^ twist) * kChunk;
  }

  // From the index of one of the first two chunks of a row, the index of the chunk 2k behind it:
  // one instruction where k is a constant.
  LEIA_DEVICE static int beside(int index, int k) {
    constexpr int kMask = kTwisted * kChunk - 1;
    return (index ^ (2 * k * kChunk & kMask)) + (2 * k * kChunk & ~kMask);
  }

  LEIA_DEVICE T load(int row, int dim) const {
    return memory_.load(index(row, dim / kChunk) + dim % kChunk);
  }

  LEIA_DEVICE Pack<T, 2> load_pair(int row, int dim) const {
    return memory_.template load_vector<Pack<T, 2>>(index(row, dim / kChunk) + dim % kChunk);
  }

  // Starts copying kRows rows of a head from position `from` on, zeros beyond its end. By all
  // threads; a row's neighbouring chunks by neighbouring threads.
  template <int Threads>
  LEIA_DEVICE void start_copy(const HeadRows<const T>& head, int32_t from) const {
    constexpr int kAcross = kTwisted, kDown = Threads / kAcross;
    static_assert(kRows % kDown == 0 && kDown % 8 == 0);
    const int row = static_cast<int>(threadIdx.x) / kAcross;
    const int chunk = static_cast<int>(threadIdx.x) % kAcross;
    const int to = index(row, chunk);
    int64_t source = head.at(from + row) + chunk * kChunk;
#pragma unroll
    for (int down = 0; down < kRows; down += kDown) {
#pragma unroll
      for (int across = 0; across < kDims; across += kAcross * kChunk) {
        copy_async_16(memory_, to + down * kDims + across, head.data, source + across,
                      from + row + down < head.count);
      }
      source += kDown * head.stride;
    }
  }

  // Starts copying one chunk from element `from` on, or zeros.
  LEIA_DEVICE void start_copy_chunk(int row, int chunk, Global<const T> data, int64_t from,
                                    bool valid) const {
    copy_async_16(memory_, index(row, chunk), data, from, valid);
  }

  // Rows [row, row + 16), dims [16k, 16k + 16) as a left operand. Here and below, row is a multiple
  // of 16, so it has no part in the twist.
  LEIA_DEVICE void load_left(uint32_t (&fragment)[4], int row, int k) const {
    const int lane = lane_index();
    load_matrix_x4(fragment, memory_, row * kDims + beside(index(lane % 16, lane / 16), k));
  }

  // Rows [row, row + 16), dims [16k, 16k + 16), transposed, as a left operand: dims are its rows.
  LEIA_DEVICE void load_left_transposed(uint32_t (&fragment)[4], int row, int k) const {
    const int lane = lane_index();
    const int own = index(lane % 8 + lane / 16 * 8, lane / 8 % 2);
    load_matrix_x4_transposed(fragment, memory_, row * kDims + beside(own, k));
  }

  // Rows [row, row + 16), dims [16k, 16k + 16), transposed, as two right operands: rows [row, row +
  // 8) are the columns of the first.
  LEIA_DEVICE void load_right(uint32_t (&fragments)[4], int row, int k) const {
    const int lane = lane_index();
    const int own = index(lane % 8 + lane / 16 * 8, lane / 8 % 2);
    load_matrix_x4(fragments, memory_, row * kDims + beside(own, k));
  }

  // Rows [row, row + 16) as they are as two right operands, columns from dim 16d on.
  LEIA_DEVICE void load_right_rows(uint32_t (&fragments)[4], int row, int d) const {
    const int lane = lane_index();
    const int own = index(lane % 16, lane / 16);
    load_matrix_x4_transposed(fragments, memory_, row * kDims + beside(own, d));
  }

  // Writes a 16x8 tile of sums, rounded, at (row, dim).
  LEIA_DEVICE void store_sums(const float (&sums)[4], int row, int dim) const {
    const int g = lane_index() / 4, column = dim + lane_index() % 4 * 2;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int at = index(row + 8 * half + g, column / kChunk) + column % kChunk;
      memory_.store_vector(
          at, Pack<T, 2>{{rounded<T>(sums[2 * half]), rounded<T>(sums[2 * half + 1])}});
    }
  }

  // Writes dims [dim, dim + Count) of rows [row, row + Rows), which this warp wrote, to a head's
  // rows from position `to` on, but nothing beyond its end. By a warp.
  template <int Rows, int Count>
  LEIA_DEVICE void write_rows(const HeadRows<T>& head, int row, int32_t to, int dim) const {
    constexpr int kAcross = Count / kChunk;
    static_assert(Rows * kAcross % kWarpSize == 0);
#pragma unroll 4
    for (int i = lane_index(); i < Rows * kAcross; i += kWarpSize) {
      const int down = i / kAcross, chunk = dim / kChunk + i % kAcross;
      if (to + down < head.count) {
        head.data.store_vector(
            head.at(to + down) + chunk * kChunk,
            memory_.template load_vector<Pack<T, kChunk>>(index(row + down, chunk)));
      }
    }
  }

 private:
  Shared<T> memory_;
};

// What a thread holds of its warp's 16 * M rows by 8 * N columns of sums.
template <int M, int N>
using Sums = float[M][N][4];

template <int M, int N>
LEIA_DEVICE void clear(Sums<M, N>& sums) {
#pragma unroll
  for (int m = 0; m < M; ++m) {
#pragma unroll
    for (int n = 0; n < N; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) sums[m][n][i] = 0.0f;
    }
  }
}

// sums += the products of the left operands with two right operands.
template <int M, int N>
LEIA_DEVICE void multiply_pair(Sums<M, N>& sums, int pair, const uint32_t (&left)[M][4],
                               const uint32_t (&right)[4]) {
  const uint32_t first[2] = {right[0], right[1]}, second[2] = {right[2], right[3]};
#pragma unroll
  for (int m = 0; m < M; ++m) {
    multiply_add_m16n8k16(sums[m][2 * pair], left[m], first);
    multiply_add_m16n8k16(sums[m][2 * pair + 1], left[m], second);
  }
}

// sums = rows of `left` from left_row on times rows of `right` from right_row on, transposed.
// Unroll says how many steps of 16 dims of the loop are in line: more hides more of the loads'
// latency and takes more registers.
template <int M, int N, int Unroll, class Left, class Right>
LEIA_DEVICE void multiply_transposed(Sums<M, N>& sums, const Left& left, int left_row,
                                     const Right& right, int right_row) {
  clear<M, N>(sums);
  if constexpr (std::is_same_v<typename Left::T, bfloat16>) {
#pragma unroll Unroll
    for (int k = 0; k < Left::kDims / 16; ++k) {
      uint32_t rows[M][4];
#pragma unroll
      for (int m = 0; m < M; ++m) left.load_left(rows[m], left_row + 16 * m, k);
#pragma unroll
      for (int pair = 0; pair < N / 2; ++pair) {
        uint32_t columns[4];
        right.load_right(columns, right_row + 16 * pair, k);
        multiply_pair<M, N>(sums, pair, rows, columns);
      }
    }
  } else {
    const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll 1
    for (int k = 0; k < Left::kDims; k += 2) {
      Pack<float, 2> a[M][2];
#pragma unroll
      for (int m = 0; m < M; ++m) {
        a[m][0] = left.load_pair(left_row + 16 * m + g, k);
        a[m][1] = left.load_pair(left_row + 16 * m + 8 + g, k);
      }
#pragma unroll
      for (int n = 0; n < N; ++n) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const auto b = right.load_pair(right_row + 8 * n + 2 * t + i, k);
#pragma unroll
          for (int m = 0; m < M; ++m) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
              float& sum = sums[m][n][2 * half + i];
              sum += a[m][half].values[0] * b.values[0];
              sum += a[m][half].values[1] * b.values[1];
            }
          }
        }
      }
    }
  }
}

// sums += weights, which are sums themselves, rounded, times 8 * K rows of `right` from right_row
// on, columns from first_dim on.
template <int M, int K, int N, class Right>
LEIA_DEVICE void multiply_rows(Sums<M, N>& sums, const Sums<M, K>& weights, const Right& right,
                               int right_row, int first_dim = 0) {
  if constexpr (std::is_same_v<typename Right::T, bfloat16>) {
#pragma unroll
    for (int k = 0; k < K / 2; ++k) {
      uint32_t left[M][4];
#pragma unroll
      for (int m = 0; m < M; ++m) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const float(&from)[4] = weights[m][2 * k + i / 2];
          left[m][i] = pack_bfloat16(from[i % 2 * 2], from[i % 2 * 2 + 1]);
        }
      }
#pragma unroll
      for (int pair = 0; pair < N / 2; ++pair) {
        uint32_t rows[4];
        right.load_right_rows(rows, right_row + 16 * k, first_dim / 16 + pair);
        multiply_pair<M, N>(sums, pair, left, rows);
      }
    }
  } else {
    const int quad = lane_index() / 4 * 4, t = lane_index() % 4;
#pragma unroll
    for (int k = 0; k < K; ++k) {
#pragma unroll 1
      for (int column = 0; column < 8; ++column) {
        // Column 8k + column of the weights is with one of the four lanes that share a row.
        const int holder = quad + column / 2;
        float a[M][2];
#pragma unroll
        for (int m = 0; m < M; ++m) {
          const float(&from)[4] = weights[m][k];
          a[m][0] = shuffle(column % 2 == 0 ? from[0] : from[1], holder);
          a[m][1] = shuffle(column % 2 == 0 ? from[2] : from[3], holder);
        }
#pragma unroll
        for (int n = 0; n < N; ++n) {
          const auto b = right.load_pair(right_row + 8 * k + column, first_dim + 8 * n + 2 * t);
#pragma unroll
          for (int m = 0; m < M; ++m) {
#pragma unroll
            for (int i = 0; i < 4; ++i) sums[m][n][i] += a[m][i / 2] * b.values[i % 2];
          }
        }
      }
    }
  }
}

// sums += 16 * M rows of `left` from `from` on times all rows of `right`, its columns from
// first_dim on. With Transposed, `left` is taken as its transpose: rows are its dims.
template <bool Transposed, int M, int N, class Left, class Right>
LEIA_DEVICE void multiply_tiles(Sums<M, N>& sums, const Left& left, int from, const Right& right,
                                int first_dim) {
  constexpr int kTerms = Transposed ? Left::kRows : Left::kDims;
  static_assert(kTerms == Right::kRows);
  if constexpr (std::is_same_v<typename Left::T, bfloat16>) {
#pragma unroll
    for (int k = 0; k < kTerms / 16; ++k) {
      uint32_t rows[M][4];
#pragma unroll
      for (int m = 0; m < M; ++m) {
        if constexpr (Transposed) {
          left.load_left_transposed(rows[m], 16 * k, from / 16 + m);
        } else {
          left.load_left(rows[m], from + 16 * m, k);
        }
      }
#pragma unroll
      for (int pair = 0; pair < N / 2; ++pair) {
        uint32_t columns[4];
        right.load_right_rows(columns, 16 * k, first_dim / 16 + pair);
        multiply_pair<M, N>(sums, pair, rows, columns);
      }
    }
  } else {
    const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll 1
    for (int k = 0; k < kTerms; ++k) {
      float a[M][2];
#pragma unroll
      for (int m = 0; m < M; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const int row = from + 16 * m + 8 * half + g;
          a[m][half] = Transposed ? left.load(k, row) : left.load(row, k);
        }
      }
#pragma unroll
      for (int n = 0; n < N; ++n) {
        const auto b = right.load_pair(k, first_dim + 8 * n + 2 * t);
#pragma unroll
        for (int m = 0; m < M; ++m) {
#pragma unroll
          for (int i = 0; i < 4; ++i) sums[m][n][i] += a[m][i / 2] * b.values[i % 2];
        }
      }
    }
  }
}

// Writes a warp's sums times `factor` to a head's rows from position `to` on, columns from
// first_dim on, but nothing beyond its end. A warp's store has short rows, so this is for what is
// written now and then.
template <int M, int N, class T>
LEIA_DEVICE void store_rows(const Sums<M, N>& sums, float factor, const HeadRows<T>& head,
                            int32_t to, int first_dim) {
  const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
  for (int m = 0; m < M; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int32_t position = to + 16 * m + 8 * half + g;
      if (position >= head.count) continue;
      const int64_t at = head.at(position) + first_dim + 2 * t;
#pragma unroll
      for (int n = 0; n < N; ++n) {
        const float(&from)[4] = sums[m][n];
        head.data.store_vector(at + 8 * n, Pack<T, 2>{{rounded<T>(from[2 * half] * factor),
                                                       rounded<T>(from[2 * half + 1] * factor)}});
      }
    }
  }
}

// Writes a warp's sums, rows multiplied by `factors`, through the rows of a tile that nobody else
// uses any more to a head's rows from position `to` on.
template <int M, int N, class Tile>
LEIA_DEVICE void write_sums(const Sums<M, N>& sums, const float (&factors)[M][2], const Tile& tile,
                            int row, const HeadRows<typename Tile::T>& head, int32_t to,
                            int first_dim = 0) {
#pragma unroll
  for (int m = 0; m < M; ++m) {
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const float(&from)[4] = sums[m][n];
      const float scaled[4] = {from[0] * factors[m][0], from[1] * factors[m][0],
                               from[2] * factors[m][1], from[3] * factors[m][1]};
      tile.store_sums(scaled, row + 16 * m, first_dim + 8 * n);
    }
  }
  sync_warp();
  tile.template write_rows<16 * M, 8 * N>(head, row, to, first_dim);
}

}  // namespace leia
