#include "core/broadcast.h"

#include <algorithm>

#include "core/tensor_text.h"

namespace leia {

namespace {
// Counted from the innermost dimension, 1 is the first; dimensions that the shape lacks have
// size 1.
int64_t size_from_end(const Shape& shape, int place) {
  return place <= shape.rank() ? shape[-place] : 1;
}
}  // namespace

Shape broadcast_shape(const char* operation, const char* a_name, const Shape& a, const char* b_name,
                      const Shape& b) {
  Shape result;
  for (int place = std::max(a.rank(), b.rank()); place > 0; --place) {
    const int64_t size = size_from_end(a, place), other = size_from_end(b, place);
    require(size == other || size == 1 || other == 1, operation, ": ", a_name, " has shape ", a,
            " and ", b_name, " ", b, ", expected sizes that are equal or 1, counted from the last");
    result.append(size == 1 ? other : size);
  }
  return result;
}

void check_stretches(const char* operation, const char* name, const Tensor& tensor,
                     const char* whole_name, const Shape& whole) {
  bool fits = tensor.shape.rank() <= whole.rank();
  for (int place = 1; fits && place <= tensor.shape.rank(); ++place) {
    fits = tensor.shape[-place] == 1 || tensor.shape[-place] == whole[-place];
  }
  require(fits, operation, ": ", name, " has shape ", tensor.shape, ", expected one that stretches",
          " to that of ", whole_name, ", ", whole);
}

}  // namespace leia
