#include "core/tensor.h"

#include "core/device.h"

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
  require(tensor.shape == expected, operation, ": ", name, " has shape ", tensor.shape.to_string(),
          ", expected ", expected.to_string());
}

void check_dtype(const char* operation, const char* name, const Tensor& tensor, DType expected) {
  require(tensor.dtype == expected, operation, ": ", name, " is ", name_of(tensor.dtype),
          ", expected ", name_of(expected));
}

void check_float(const char* operation, const char* name, const Tensor& tensor) {
  require(tensor.dtype != DType::int32, operation, ": ", name,
          " is int32, expected float32 or bfloat16");
}

void check_rank(const char* operation, const char* name, const Tensor& tensor, int rank) {
  require(tensor.shape.rank() == rank, operation, ": ", name, " has shape ",
          tensor.shape.to_string(), ", expected ", rank, " dimensions");
}

}  // namespace leia
