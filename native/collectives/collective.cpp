#include "collectives/collective.h"

#include "core/device.h"
#include "core/odd_ranks.h"

namespace leia {

namespace {

constexpr int64_t kSliceStep = 8;

// The tensor that has all elements.
const Tensor& whole_of(const Collective& collective) {
  return collective.kind == CollectiveKind::reduce_scatter ? collective.input : collective.output;
}

// The part is the rank's slice of the whole, or lies apart from it.
void check_part(const char* name, const Tensor& part, const Tensor& whole, int rank, int ranks) {
  const Slice slice = slice_of(whole.elements(), rank, ranks);
  require(part.elements() == slice.size(), name, ": ", part.to_string(), " is no slice of ",
          whole.to_string(), " for rank ", rank, " of ", ranks, ", expected ", slice.size(),
          " elements");
  require(part.dtype == whole.dtype, name, ": ", part.to_string(), " and ", whole.to_string(),
          " differ in dtype");
  const int64_t begin =
      whole.byte_offset + slice.begin * static_cast<int64_t>(size_of(whole.dtype));
  if (part.storage == whole.storage && part.byte_offset == begin) return;
  check_apart(name, "the slice", part, "the whole tensor", whole);
}

}  // namespace

const char* name_of(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::all_reduce:
      return "all_reduce";
    case CollectiveKind::reduce_scatter:
      return "reduce_scatter";
    case CollectiveKind::all_gather:
      return "all_gather";
    case CollectiveKind::broadcast:
      return "broadcast";
    case CollectiveKind::barrier:
      return "barrier";
  }
  return "an unknown collective";
}

Slice slice_of(int64_t elements, int rank, int ranks) {
  const int64_t each = elements / ranks / kSliceStep * kSliceStep;
  const int64_t begin = each * rank;
  return {begin, rank == ranks - 1 ? elements : begin + each};
}

void validate(const Collective& collective, int rank, int ranks) {
  const auto& [kind, input, output, root, place] = collective;
  const char* name = name_of(kind);
  if (kind == CollectiveKind::barrier) return;
  require(input.storage->device() == output.storage->device(), name,
          ": the tensors are on different devices");
  if (kind == CollectiveKind::all_reduce || kind == CollectiveKind::reduce_scatter) {
    check_dtype(name, "the tensor", input, DType::float32);
  }
  if (kind == CollectiveKind::reduce_scatter) check_part(name, output, input, rank, ranks);
  if (kind == CollectiveKind::all_gather) check_part(name, input, output, rank, ranks);
  if (kind == CollectiveKind::broadcast) {
    require(root >= 0 && root < ranks, name, ": there is no rank ", root, " among ", ranks);
  }
}

std::string Signature::to_string() const {
  if (kind == CollectiveKind::barrier) return name_of(kind);
  const std::string from = kind == CollectiveKind::broadcast ? text(" from rank ", root) : "";
  return text(name_of(kind), " of ", elements, " ", name_of(static_cast<DType>(dtype)), from);
}

Signature signature_of(const Collective& collective, int64_t number) {
  Signature result{.number = number, .kind = collective.kind, .root = collective.root};
  if (collective.kind == CollectiveKind::barrier) return result;
  const Tensor& whole = whole_of(collective);
  result.elements = whole.elements();
  result.dtype = static_cast<int32_t>(whole.dtype);
  return result;
}

void require_same(const std::vector<Signature>& by_rank) {
  const std::string difference = odd_ranks(by_rank, [](const Signature& one) {
    return text(one.to_string(), " as number ", one.number);
  });
  if (!difference.empty()) fail("execution", difference);
}

}  // namespace leia
