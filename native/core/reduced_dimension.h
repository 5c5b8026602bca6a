// A dimension of a tensor that an operation reduces to one element: the tensor taken as
// [outer, size, inner], and its result as [outer, inner]. The result's shape lacks the dimension,
// or has it with the size 1.
#pragma once

#include "core/tensor.h"

namespace leia {

struct ReducedDimension {
  int64_t outer, size, inner;

  int64_t outputs() const { return outer * inner; }
  // How many chunks the dimension is cut into, each reduced by itself.
  int64_t chunks() const { return (size + chunk() - 1) / chunk(); }
  // A sum of so many numbers, one after the other or a few of each lane, keeps its digits.
  int64_t chunk() const { return inner == 1 ? 4096 : 128; }
};

// Negative dimensions count from the innermost, -1.
ReducedDimension reduced_dimension(const Shape& shape, int64_t dimension);

// Throws "argument" unless the tensor has that dimension.
void check_reducible(const char* operation, const Tensor& tensor, int64_t dimension);
// Throws "argument" unless the tensor has the shape of the result.
void check_reduced(const char* operation, const char* name, const Tensor& tensor,
                   const Shape& shape, int64_t dimension);
// Throws "argument" if there is no highest element, or an index of it that int32 does not hold.
void check_has_highest(const char* operation, const Tensor& tensor, int64_t dimension);

}  // namespace leia
