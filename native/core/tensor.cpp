#include "core/tensor.h"

#include <algorithm>

#include "core/device.h"
#include "core/tensor_text.h"

namespace leia {

Storage::~Storage() {
  device_->release(data_, bytes_);
}

std::string Shape::to_string() const {
  std::string result = "[";
  for (int i = 0; i < rank_; ++i) {
    if (i > 0) result += ", ";
    result += std::to_string((*this)[i]);
  }
  return result + "]";
}

std::string Tensor::to_string() const {
  return name_of(dtype) + shape.to_string();
}

void check_shape(const char* operation, const char* name, const Tensor& tensor,
                 const Shape& expected) {
  require(tensor.shape == expected, operation, ": ", name, " has shape ", tensor.shape,
          ", expected ", expected);
}

void check_dtype(const char* operation, const char* name, const Tensor& tensor, DType expected) {
  if (tensor.dtype == expected) return;
  const bool is_whole = tensor.dtype == DType::int64 || tensor.dtype == DType::uint8;
  const char* hint = "";
  if (expected == DType::int32) {
    hint = is_whole ? "; to('int32') converts it"
                    : "; Tensor.from(Int32Array.of(1, 2), [2]) makes a tensor of whole numbers";
  }
  fail("argument", text(operation, ": ", name, " is ", name_of(tensor.dtype), ", expected ",
                        name_of(expected), hint));
}

void check_float(const char* operation, const char* name, const Tensor& tensor) {
  const bool fits = tensor.dtype == DType::float32 || tensor.dtype == DType::bfloat16;
  require(fits, operation, ": ", name, " is ", name_of(tensor.dtype),
          ", expected float32 or bfloat16");
}

void check_number(const char* operation, const char* name, const Tensor& tensor) {
  const bool fits = tensor.dtype == DType::float32 || tensor.dtype == DType::bfloat16 ||
                    tensor.dtype == DType::int32;
  require(fits, operation, ": ", name, " is ", name_of(tensor.dtype),
          ", expected float32, bfloat16 or int32");
}

void check_rank(const char* operation, const char* name, const Tensor& tensor, int rank) {
  require(tensor.shape.rank() == rank, operation, ": ", name, " has shape ", tensor.shape,
          ", expected ", rank, " dimensions");
}

void check_like(const char* operation, const char* name, const Tensor& tensor,
                const Tensor& other) {
  check_shape(operation, name, tensor, other.shape);
  check_dtype(operation, name, tensor, other.dtype);
}

namespace {
bool overlap(const Tensor& a, const Tensor& b) {
  if (!a || !b || a.storage != b.storage || a.bytes() == 0 || b.bytes() == 0) return false;
  return a.byte_offset < b.byte_offset + static_cast<int64_t>(b.bytes()) &&
         b.byte_offset < a.byte_offset + static_cast<int64_t>(a.bytes());
}
}  // namespace

void check_apart(const char* operation, const char* name, const Tensor& tensor,
                 const char* other_name, const Tensor& other) {
  require(!overlap(tensor, other), operation, ": ", name, " shares memory with ", other_name,
          ", expected memory of its own");
}

void check_all_apart(const char* operation, std::vector<NamedTensor> tensors) {
  std::erase_if(tensors, [](const NamedTensor& item) { return item.tensor.bytes() == 0; });
  std::ranges::sort(tensors, {}, [](const NamedTensor& item) {
    return std::pair(item.tensor.storage.get(), item.tensor.byte_offset);
  });
  for (size_t i = 1; i < tensors.size(); ++i) {
    const NamedTensor &before = tensors[i - 1], &item = tensors[i];
    check_apart(operation, item.name.c_str(), item.tensor, before.name.c_str(), before.tensor);
  }
}

void check_same_or_apart(const char* operation, const char* name, const Tensor& tensor,
                         const char* other_name, const Tensor& other) {
  const bool same = tensor.storage == other.storage && tensor.byte_offset == other.byte_offset &&
                    tensor.dtype == other.dtype && tensor.bytes() == other.bytes();
  require(same || !overlap(tensor, other), operation, ": ", name, " overlaps ", other_name,
          ", expected the same tensor or memory of its own");
}

std::string position_of(const Shape& shape, int64_t element) {
  Shape indices = shape;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    indices.set(i, element % shape[i]);
    element /= shape[i];
  }
  return indices.to_string();
}

}  // namespace leia
