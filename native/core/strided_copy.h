// A copy of numbers from one arrangement to another: what permutations, slices and concatenations
// come down to. Tensors stay contiguous, and only this knows of strides. An operation describes its
// copy by a StridedCopy; each kind of device has one function that makes it
// (cpu/strided_copy.h, cuda/strided_copy.h).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/tensor.h"

namespace leia {

// For all indices i within the sizes:
//   to[to_offset + sum_d i_d * to_d]  =  from[from_offset + sum_d i_d * from_d]
// or += with `accumulate`, added in float32. No two indices may come to the same place in `to`.
struct StridedCopy {
  struct Dimension {
    int64_t size, from, to;  // strides in elements
  };
  Tensor from, to;  // of one dtype; float32 or bfloat16 with `accumulate`
  int64_t from_offset = 0, to_offset = 0;
  bool accumulate = false;

  std::array<Dimension, Shape::kMaxRank> dimensions{};  // outermost first
  int rank = 0;

  void append(const Dimension& dimension) { dimensions[static_cast<size_t>(rank++)] = dimension; }
  const Dimension& operator[](int i) const { return dimensions[static_cast<size_t>(i)]; }
  Dimension& operator[](int i) { return dimensions[static_cast<size_t>(i)]; }
  const Dimension& innermost() const { return (*this)[rank - 1]; }

  int64_t elements() const {
    int64_t product = 1;
    for (int i = 0; i < rank; ++i) product *= (*this)[i].size;
    return product;
  }

  // The same copy in as few dimensions as possible, at least one, such that the innermost is where
  // `to` is contiguous, if it is anywhere.
  StridedCopy simplified() const {
    StridedCopy result = *this;
    const auto begin = result.dimensions.begin();
    const auto end = std::remove_if(begin, begin + rank, [](const auto& d) { return d.size == 1; });
    std::stable_sort(begin, end, [](const auto& a, const auto& b) { return a.to > b.to; });
    result.rank = 0;
    for (auto each = begin; each != end; ++each) {
      if (result.rank > 0) {
        Dimension& outer = result[result.rank - 1];
        if (outer.from == each->size * each->from && outer.to == each->size * each->to) {
          outer = {outer.size * each->size, each->from, each->to};
          continue;
        }
      }
      result.append(*each);
    }
    if (result.rank == 0) result.append({1, 1, 1});
    return result;
  }

  // The dimension along which `from` is contiguous; -1 if there is none.
  int contiguous_in_from() const {
    for (int i = 0; i < rank; ++i) {
      if ((*this)[i].from == 1) return i;
    }
    return -1;
  }
};

// The strides, in elements, of a tensor of that shape.
inline std::array<int64_t, Shape::kMaxRank> strides_of(const Shape& shape) {
  std::array<int64_t, Shape::kMaxRank> strides{};
  int64_t stride = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[static_cast<size_t>(i)] = stride;
    stride *= shape[i];
  }
  return strides;
}

// A dimension of the shape counted from the outermost; negative ones count from the innermost, -1.
inline int dimension_index(const Shape& shape, int64_t dimension) {
  return static_cast<int>(dimension < 0 ? dimension + shape.rank() : dimension);
}

// The shape with another size in that dimension.
inline Shape with_size(const Shape& shape, int dimension, int64_t size) {
  Shape result;
  for (int i = 0; i < shape.rank(); ++i) result.append(i == dimension ? size : shape[i]);
  return result;
}

// Between all of `part` and those elements of `whole` that begin at `start` of a dimension; the
// two have the same sizes otherwise.
inline StridedCopy copy_from_slice(const Tensor& whole, const Tensor& part, int64_t dimension,
                                   int64_t start) {
  const auto from = strides_of(whole.shape), to = strides_of(part.shape);
  StridedCopy copy{.from = whole, .to = part};
  const int at = dimension_index(whole.shape, dimension);
  for (int i = 0; i < part.shape.rank(); ++i) {
    const auto index = static_cast<size_t>(i);
    copy.append({part.shape[i], from[index], to[index]});
    if (i == at) copy.from_offset = start * from[index];
  }
  return copy;
}

inline StridedCopy copy_to_slice(const Tensor& part, const Tensor& whole, int64_t dimension,
                                 int64_t start) {
  StridedCopy copy = copy_from_slice(whole, part, dimension, start);
  std::swap(copy.from, copy.to);
  std::swap(copy.from_offset, copy.to_offset);
  for (int i = 0; i < copy.rank; ++i) std::swap(copy[i].from, copy[i].to);
  return copy;
}

// That a dimension is one of the tensor's.
void check_dimension(const char* operation, const Tensor& tensor, int64_t dimension);
// That `part` is as `whole`, but for its size in a dimension, where it lies within `whole` from
// `start` on.
void check_slice(const char* operation, const char* part_name, const Tensor& part,
                 const char* whole_name, const Tensor& whole, int64_t dimension, int64_t start);

}  // namespace leia
