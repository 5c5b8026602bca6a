// In which order attention's backward does its work. A block owns some keys of one key-value head
// and adds to the dQ of all queries that see them, after the block before it on the same head. So
// that this wait is short, blocks of one head must not start together, and the block before must
// come to a tile of queries early.
//
// Tickets therefore go through several heads abreast: the first blocks of all of them, then the
// second ones. By the time a head's second block starts, its first one is well ahead. And a block
// walks over the tiles of queries outside and the query heads of a group inside: with the heads
// outside, the first block of keys would come to the last head's tiles at the end of its work,
// where the second block has long been waiting.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "cuda/kernel.cuh"
#include "cuda/runtime.h"

namespace leia {

// Key-value heads of all batch entries, counted through, and the blocks of keys of each.
struct TicketOrder {
  int32_t heads, key_blocks;
  int32_t abreast;  // heads whose blocks take turns in drawing tickets

  struct Place {
    int32_t head, block;
  };
  LEIA_DEVICE Place place_of(uint32_t ticket) const {
    const auto section = static_cast<uint32_t>(abreast) * static_cast<uint32_t>(key_blocks);
    const auto first_head = static_cast<int32_t>(ticket / section) * abreast;
    const auto within = static_cast<int32_t>(ticket % section);
    // The last section may have fewer heads.
    const int32_t width = heads - first_head < abreast ? heads - first_head : abreast;
    return {first_head + within % width, within / width};
  }
};

// Takes as many heads abreast, a power of two, as keep in the L2 cache what their blocks share, but
// at least so many that a head's next block starts when every multiprocessor has been given a block
// of another head.
inline TicketOrder ticket_order(int64_t heads, int64_t key_blocks, int64_t bytes_of_head,
                                const gpu::Limits& limits) {
  const auto in_cache = static_cast<uint64_t>(limits.cache_bytes / bytes_of_head);
  const auto apart = static_cast<uint64_t>((limits.multiprocessors + key_blocks - 1) / key_blocks);
  const uint64_t abreast = std::max(std::bit_floor(in_cache), std::bit_ceil(apart));
  return {static_cast<int32_t>(heads), static_cast<int32_t>(key_blocks),
          static_cast<int32_t>(std::min(abreast, static_cast<uint64_t>(heads)))};
}

// The steps of a block: tiles of queries from `tile` down to first_tile, and of each tile the query
// heads of the group.
struct BackwardSteps {
  int32_t first_head, group, first_tile;
  int32_t head, tile;  // of this step

  LEIA_DEVICE BackwardSteps(int32_t kv_head, int32_t heads_of_group, int32_t first, int32_t last)
      : first_head(kv_head * heads_of_group),
        group(heads_of_group),
        first_tile(first),
        head(first_head),
        tile(last) {}

  LEIA_DEVICE bool done() const { return tile < first_tile; }
  LEIA_DEVICE BackwardSteps next() const {
    BackwardSteps steps = *this;
    if (++steps.head == first_head + group) {
      steps.head = first_head;
      --steps.tile;
    }
    return steps;
  }
};

}  // namespace leia
