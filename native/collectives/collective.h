// What ranks do together: the collectives, and which part of a tensor is whose.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace leia {

enum class CollectiveKind : int32_t { all_reduce, reduce_scatter, all_gather, broadcast, barrier };
const char* name_of(CollectiveKind kind);

// The elements of a tensor, taken as flat, that belong to one rank.
struct Slice {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// All ranks but the last have equally many elements, a multiple of 8, so that each slice begins
// where 16-byte accesses can; the last has the rest too. Any number of elements can be cut so.
Slice slice_of(int64_t elements, int rank, int ranks);

// One collective as one rank issues it.
//
//   all_reduce      input = output: the sum over all ranks, in every rank
//   reduce_scatter  output: this rank's slice of the sum of all inputs
//   all_gather      output: the inputs of all ranks, each its slice of it
//   broadcast       input = output: what `root` has, in every rank
//   barrier         no tensors: done when all ranks have come to it
//
// Sums are float32: over MPI of the ranks in their order, so that the bits depend on neither timing
// nor on how the ranks are connected; over NCCL in an order that it chooses. Of reduce_scatter and
// all_gather, the smaller tensor may be the rank's slice of the larger.
struct Collective {
  CollectiveKind kind;
  Tensor input, output;
  int root = 0;
  std::string place;  // what it is for, in words: "gradient of lm_head.weight"
};

// Throws "argument" for tensors that do not fit the collective, the ranks or each other.
void validate(const Collective& collective, int rank, int ranks);

// What must be the same on all ranks.
struct Signature {
  int64_t number = 0;  // of collectives before it
  int64_t elements = 0;
  CollectiveKind kind{};
  int32_t dtype = 0;
  int32_t root = 0;
  int32_t unused = 0;

  bool operator==(const Signature&) const = default;
  // "all_reduce of 12 float32"
  std::string to_string() const;
};
static_assert(sizeof(Signature) == 32);

Signature signature_of(const Collective& collective, int64_t number);

// Throws "execution" unless all ranks' signatures are the same; the message names the ranks that
// differ from most others.
void require_same(const std::vector<Signature>& by_rank);

}  // namespace leia
