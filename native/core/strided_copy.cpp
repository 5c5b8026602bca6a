#include "core/strided_copy.h"

#include "core/tensor_text.h"

namespace leia {

void check_dimension(const char* operation, const Tensor& tensor, int64_t dimension) {
  const int rank = tensor.shape.rank();
  require(rank > 0, operation, ": a tensor of shape [] has no dimension, expected at least one");
  require(dimension >= -rank && dimension < rank, operation, ": dimension is ", dimension,
          ", expected ", -rank, " to ", rank - 1, " for a tensor of shape ", tensor.shape);
}

void check_slice(const char* operation, const char* part_name, const Tensor& part,
                 const char* whole_name, const Tensor& whole, int64_t dimension, int64_t start) {
  check_dimension(operation, whole, dimension);
  check_dtype(operation, part_name, part, whole.dtype);
  Shape expected = whole.shape;
  const int at = dimension_index(whole.shape, dimension);
  if (part.shape.rank() == whole.shape.rank()) expected = with_size(expected, at, part.shape[at]);
  check_shape(operation, part_name, part, expected);
  const int64_t size = part.shape[at];
  require(start >= 0 && start <= whole.shape[at] - size, operation, ": start is ", start,
          ", expected 0 to ", whole.shape[at] - size, ", as ", part_name, " takes ", size, " of ",
          whole_name, "'s ", whole.shape[at], " in dimension ", dimension);
}

}  // namespace leia
