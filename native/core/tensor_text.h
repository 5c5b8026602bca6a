// Shapes and tensors as pieces of messages, "[2, 3]" and "float32[2, 3]". A call of an operation
// checks a dozen conditions: handed to require() as they are, they become text only if one fails.
#pragma once

#include <string>

#include "core/tensor.h"

namespace leia {

inline std::string text_piece(const Shape& shape) {
  return shape.to_string();
}
inline std::string text_piece(const Tensor& tensor) {
  return tensor.to_string();
}

}  // namespace leia
