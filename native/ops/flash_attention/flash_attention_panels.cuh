// Tiles of shared memory in the order that the tensor cores of compute capability 9.0 read.
#pragma once

#include "cuda/wgmma.cuh"
#include "ops/flash_attention/flash_attention_products.cuh"

namespace leia {

// Rows rows of Dims bfloat16, in panels of 64 dims: lines of 128 bytes whose chunks of 16 are
// exchanged by the row, as SharedMatrix has it. Begins at a multiple of 1,024 bytes.
template <int Rows, int Dims>
class PanelTile {
 public:
  using T = bfloat16;
  static constexpr int kRows = Rows, kDims = Dims, kChunk = kPack<T>;
  static constexpr int kLine = 64, kLineChunks = kLine / kChunk;
  static constexpr size_t kBytes = sizeof(T) * Rows * Dims;
  static_assert(Rows % 8 == 0 && Dims % kLine == 0);

  LEIA_DEVICE explicit PanelTile(size_t byte_offset) : memory_(byte_offset, Rows * Dims) {}

  // Where a chunk of a row begins.
  LEIA_DEVICE static int index(int row, int chunk) {
    return chunk / kLineChunks * (Rows * kLine) + row * kLine +
           ((chunk % kLineChunks) ^ (row & 7)) * kChunk;
  }

  // Starts copying kRows rows of a head from position `from` on, zeros beyond its end. By all
  // threads; a row's neighbouring chunks by neighbouring threads.
  template <int Threads>
  LEIA_DEVICE void start_copy(const HeadRows<const T>& head, int32_t from) const {
    constexpr int kDown = Threads / kLineChunks;
    static_assert(kRows % kDown == 0 && kDown % 8 == 0);
    const int row = static_cast<int>(threadIdx.x) / kLineChunks;
    const int chunk = static_cast<int>(threadIdx.x) % kLineChunks;
    const int to = index(row, chunk);
    int64_t source = head.at(from + row) + chunk * kChunk;
#pragma unroll
    for (int down = 0; down < kRows; down += kDown) {
#pragma unroll
      for (int panel = 0; panel < kDims / kLine; ++panel) {
        copy_async_16(memory_, to + down * kLine + panel * (Rows * kLine), head.data,
                      source + panel * kLine, from + row + down < head.count);
      }
      source += kDown * head.stride;
    }
  }

  // From row `row`, a multiple of 8, on: rows of a left operand or, transposed, columns of a right
  // one. k counts dims.
  LEIA_DEVICE SharedMatrix by_dims(int row = 0) const {
    return SharedMatrix::panels(memory_, row * kLine, Major::k, Rows);
  }
  // 16 dims each.
  LEIA_DEVICE static SharedMatrix dims_behind(SharedMatrix matrix, int k) {
    constexpr int kSteps = kLine / 16;
    return matrix.behind(static_cast<uint32_t>(k / kSteps * Rows * 128 + k % kSteps * 32));
  }

  // A right operand whose columns are dims. k counts rows.
  LEIA_DEVICE SharedMatrix by_rows() const {
    return SharedMatrix::panels(memory_, 0, Major::other, Rows);
  }
  LEIA_DEVICE static SharedMatrix rows_behind(SharedMatrix matrix, int k) {
    return matrix.behind(static_cast<uint32_t>(k * 16 * 128));
  }

  // As write_sums() wants it: writes a 16x8 tile of sums, rounded, at (row, dim), and rows that
  // this warp wrote to a head's rows from position `to` on, but nothing beyond its end.
  LEIA_DEVICE void store_sums(const float (&sums)[4], int row, int dim) const {
    const int g = lane_index() / 4, column = dim + lane_index() % 4 * 2;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int at = index(row + 8 * half + g, column / kChunk) + column % kChunk;
      memory_.store_vector(
          at, Pack<T, 2>{{rounded<T>(sums[2 * half]), rounded<T>(sums[2 * half + 1])}});
    }
  }

  template <int Count, int Length>
  LEIA_DEVICE void write_rows(const HeadRows<T>& head, int row, int32_t to, int dim) const {
    constexpr int kAcross = Length / kChunk;
    static_assert(Count * kAcross % kWarpSize == 0);
#pragma unroll 4
    for (int i = lane_index(); i < Count * kAcross; i += kWarpSize) {
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

}  // namespace leia
