#include "core/reduced_dimension.h"

#include "core/tensor_text.h"

namespace leia {

namespace {

int index_of_dimension(const Shape& shape, int64_t dimension) {
  return static_cast<int>(dimension < 0 ? dimension + shape.rank() : dimension);
}

// The shape without that dimension, or with size 1 there.
Shape shape_without(const Shape& shape, int dimension, bool keep) {
  Shape result;
  for (int i = 0; i < shape.rank(); ++i) {
    if (i != dimension) {
      result.append(shape[i]);
    } else if (keep) {
      result.append(1);
    }
  }
  return result;
}

}  // namespace

ReducedDimension reduced_dimension(const Shape& shape, int64_t dimension) {
  const int index = index_of_dimension(shape, dimension);
  ReducedDimension result{1, shape[index], 1};
  for (int i = 0; i < shape.rank(); ++i) {
    if (i < index) result.outer *= shape[i];
    if (i > index) result.inner *= shape[i];
  }
  return result;
}

void check_reducible(const char* operation, const Tensor& tensor, int64_t dimension) {
  const int64_t rank = tensor.shape.rank();
  require(rank > 0, operation, ": a tensor of shape ", tensor.shape,
          " has no dimension to reduce, expected at least one");
  require(dimension >= -rank && dimension < rank, operation, ": dimension is ", dimension,
          ", expected ", -rank, " to ", rank - 1, " for a tensor of shape ", tensor.shape);
}

void check_reduced(const char* operation, const char* name, const Tensor& tensor,
                   const Shape& shape, int64_t dimension) {
  const int index = index_of_dimension(shape, dimension);
  const Shape without = shape_without(shape, index, false);
  const Shape kept = shape_without(shape, index, true);
  require(tensor.shape == without || tensor.shape == kept, operation, ": ", name, " has shape ",
          tensor.shape, ", expected ", without, " or ", kept, ", dimension ", index, " of ", shape,
          " being reduced");
}

void check_has_highest(const char* operation, const Tensor& tensor, int64_t dimension) {
  const int64_t size = reduced_dimension(tensor.shape, dimension).size;
  require(size >= 1 && size <= INT32_MAX, operation, ": dimension ", dimension, " of shape ",
          tensor.shape, " has ", size, " elements, expected 1 to ", INT32_MAX);
}

}  // namespace leia
