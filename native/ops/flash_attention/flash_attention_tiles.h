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

// How the warps of a block share a product: `down` by `across` of them, each with a part of its
// rows and columns.
struct WarpGrid {
  int down, across;
};

// Backward: a block owns kKeys keys and walks over tiles of kQueries queries. Scores and their
// gradients are [queries, keys], the gradients of keys and values [keys, dims], that of the queries
// [queries, dims]. Two sets of sizes: the fast ones need a GPU that gives a block 163 KB
// (8.0, 8.7, 9.0 and later), the small ones fit the 99 KB of 8.6 and 8.9.
//
// A fragment loaded from shared memory serves two products where a warp has 32 rows, so the fast
// sizes give it 32 by 32 or more. At 128 dims a step of 64 by 128 moves 640 KB through shared
// memory, 5,000 cycles at 128 bytes a cycle; its five products take 5,120 cycles of an A100's
// tensor cores.
template <class T, int Dims, bool Small>
struct BackwardTiles;

// Sums a thread: 32 + 32 of scores and gradients (128 x 128: 64 + 64), then 64 + 64 of dK and dV
// and 32 of dQ at 128 dims. Queries and their gradients come in two stages.
template <int Dims>
struct BackwardTiles<bfloat16, Dims, false> {
  static constexpr int kQueries = Dims <= 64 ? 128 : Dims <= 128 ? 64 : 32;
  static constexpr int kKeys = Dims <= 128 ? 128 : 64, kStages = 2, kWarps = 8;
  static constexpr WarpGrid kScores = Dims <= 64 ? WarpGrid{4, 2} : WarpGrid{2, 4};
  static constexpr WarpGrid kKeyGradients = Dims <= 128 ? WarpGrid{4, 2} : WarpGrid{2, 4};
  // 96 dims are not a multiple of four times 16.
  static constexpr WarpGrid kQueryGradients = Dims <= 96 ? WarpGrid{4, 2} : WarpGrid{2, 4};
  // Steps of 16 dims of the scores' products in line; more would spill.
  static constexpr int kUnroll = 2;
  // Makes dK after dQ: meanwhile dQ's sums are on their way, so the turn that is passed on after
  // them waits less. Up to 64 dims that would spill registers.
  static constexpr bool kGradKeyLast = Dims > 64;
  // Whether a softcap can be given. Its code would make the kernel for 64 dims spill on 9.0, so
  // there the small tiles take it.
  static constexpr bool kTakesSoftcap = Dims != 64;
};

// 42 to 92 KB. The two stages are worth more than large tiles, since only one block fits a
// multiprocessor.
template <int Dims>
struct BackwardTiles<bfloat16, Dims, true> {
  static constexpr int kQueries = Dims <= 96 ? 64 : 32;
  static constexpr int kKeys = Dims <= 128 ? 64 : 32, kStages = Dims <= 128 ? 2 : 1;
  static constexpr int kWarps = Dims <= 128 ? 8 : 4;
  static constexpr WarpGrid kScores = Dims <= 128 ? WarpGrid{2, 4} : WarpGrid{2, 2};
  static constexpr WarpGrid kKeyGradients = Dims > 128                 ? WarpGrid{2, 2}
                                            : Dims == 32 || Dims == 96 ? WarpGrid{4, 2}
                                                                       : WarpGrid{2, 4};
  static constexpr WarpGrid kQueryGradients = kKeyGradients;
  static constexpr int kUnroll = 2;
  static constexpr bool kGradKeyLast = true;
  static constexpr bool kTakesSoftcap = true;
};

// float32 is there to compare with, not to be fast: small tiles that fit at 256 dims.
template <int Dims>
struct ForwardTiles<float, Dims> {
  static constexpr int kWarps = 2, kRows = 32, kColumns = 32, kUnroll = 1;
};

// These fit everywhere. At 256 dims one warp makes the scores of a step.
template <int Dims>
struct BackwardTiles<float, Dims, false> {
  static constexpr int kQueries = Dims <= 128 ? 32 : 16, kKeys = kQueries, kStages = 1, kWarps = 4;
  static constexpr WarpGrid kScores = Dims <= 128 ? WarpGrid{2, 2} : WarpGrid{1, 1};
  static constexpr WarpGrid kKeyGradients = Dims <= 128 ? WarpGrid{2, 2} : WarpGrid{1, 4};
  static constexpr WarpGrid kQueryGradients = kKeyGradients;
  static constexpr int kUnroll = 1;
  static constexpr bool kGradKeyLast = true;
  static constexpr bool kTakesSoftcap = true;
};

// Decoding: a block owns up to kRows pairs of a query and a head of one key-value head and a part
// of the keys, of which it walks over tiles of kColumns: 16 for each warp. Memory bounds it, so
// what counts is that enough is on its way: two stages of 32 KB at 128 dims, two blocks a
// multiprocessor.
template <class T, int Dims>
struct DecodeTiles {
  static constexpr int kRows = 16;
  // At 256 dims half as much on its way, to fit the 99 KB of 8.6 and 8.9.
  static constexpr int kWarps = sizeof(T) == 2 && Dims <= 128 ? 4 : 2;
  static constexpr int kStages = sizeof(T) == 2 || Dims <= 128 ? 2 : 1;
  static constexpr int kColumns = 16 * kWarps;
  // Least keys of a part, and most parts: their sums are written, read and added up again.
  static constexpr int kPart = 256, kMostParts = 32;
};

}  // namespace leia
