// Sizes of the tiles that attention's kernels keep in shared memory and registers, and why.
//
// What bounds them, per thread block: 255 registers a thread, 65,536 a multiprocessor; shared
// memory of 163 KB on compute capability 8.0, 227 KB on 9.0, which blocks that run side by side
// share. A warp holds 16 * M rows of sums; a fragment that it loads from shared memory serves M
// products, so M = 2 halves the traffic that bounds these kernels, where the sums leave room for
// it.
#pragma once

#include "core/dtype.h"

namespace leia {

// Forward: a block owns kRows queries and walks over tiles of kColumns keys.
template <class T, int Dims>
struct ForwardTiles;

template <int Dims>
struct ForwardTiles<bfloat16, Dims> {
  static constexpr int kWarps = 4;
  // 32 rows a warp, but 16 where 256 dims of sums would not fit.
  static constexpr int kRows = Dims <= 128 ? 128 : 64;
  // Sums a thread, of output and scores: 128 + 64 at 128 dims, 64 + 128 at 64. Shared memory: 65
  // and 49 KB, two blocks a multiprocessor on 8.0 and three on 9.0 (by registers, two).
  static constexpr int kColumns = Dims <= 64 ? 128 : 64;
  // Steps of 16 dims of the scores' product in line: one has 32 products at up to 64 dims, four
  // have 64 at 128. More would spill.
  static constexpr int kUnroll = Dims <= 64 ? 1 : 4;
};

// Backward, in both of its kernels: a block owns kRows positions of one side (queries for dQ, keys
// for dK and dV) and walks over tiles of kColumns positions of the other in two stages. Scores and
// their gradients are made for kSlice columns at once.
template <class T, int Dims>
struct BackwardTiles;

template <int Dims>
struct BackwardTiles<bfloat16, Dims> {
  // At 64 dims 32 rows a warp: 128 sums of dK and dV a thread and 64 of S and dP; 66 KB, two blocks
  // a multiprocessor. At 128, 16 rows: 128 + 32 sums a thread, 130 KB.
  static constexpr int kWarps = Dims <= 64 || Dims > 128 ? 4 : 8;
  static constexpr int kRows = Dims <= 128 ? 128 : 64;
  static constexpr int kColumns = Dims <= 128 ? 64 : 32;
  static constexpr int kSlice = 32;
  // Steps of 16 dims of the scores' products in line. All four at 64 dims would spill.
  static constexpr int kUnroll = Dims == 64 ? 2 : Dims / 16;
  // dK and dV of 256 dims would be 256 sums a thread: two blocks make one half each, at the price
  // of both computing the scores.
  static constexpr int kSumDims = Dims <= 128 ? Dims : 128;
};

// float32 is there to compare with, not to be fast: small tiles that fit at 256 dims.
template <int Dims>
struct ForwardTiles<float, Dims> {
  static constexpr int kWarps = 2, kRows = 32, kColumns = 32, kUnroll = 1;
};

template <int Dims>
struct BackwardTiles<float, Dims> {
  static constexpr int kWarps = 2, kRows = 32, kColumns = 16, kSlice = 16, kUnroll = 1;
  static constexpr int kSumDims = Dims <= 128 ? Dims : 128;
};

// Decoding: a block owns up to kRows pairs of a query and a head of one key-value head and a part
// of the keys, of which it walks over tiles of kColumns: 16 for each warp. Memory bounds it, so
// what counts is that enough is on its way: two stages of 32 KB at 128 dims, two blocks a
// multiprocessor.
template <class T, int Dims>
struct DecodeTiles {
  static constexpr int kRows = 16;
  static constexpr int kWarps = sizeof(T) == 2 ? 4 : 2;
  static constexpr int kColumns = 16 * kWarps;
  // Least keys of a part, and most parts: their sums are written, read and added up again.
  static constexpr int kPart = 256, kMostParts = 32;
};

}  // namespace leia
