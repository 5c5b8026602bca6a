// Embedding: rows of a table by their number.
//
//   output[r, :]             = weight[ids[r], :]
//   grad_weight[ids[r], :]  += grad_output[r, :]        (backward)
//
// An id outside 0..V-1 fails the stream, naming the id and its position. Backward adds the rows of
// one id in the order of r, in float32, and then their sum to grad_weight: the bits are always the
// same.
#pragma once

#include "core/tensor.h"

namespace leia {

struct EmbeddingForward {
  static constexpr const char* kName = "embedding_forward";
  Tensor ids;     // [...], int32
  Tensor weight;  // [V, H], float32 or bfloat16
  Tensor output;  // [..., H], dtype of weight

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("ids", self.ids, Access::read);
    visit("weight", self.weight, Access::read);
    visit("output", self.output, Access::write);
  }
};

struct EmbeddingBackward {
  static constexpr const char* kName = "embedding_backward";
  Tensor grad_output;  // [..., H], float32 or bfloat16
  Tensor ids;          // [...], int32
  Tensor grad_weight;  // [V, H], float32; added to

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("grad_output", self.grad_output, Access::read);
    visit("ids", self.ids, Access::read);
    visit("grad_weight", self.grad_weight, Access::update);
  }
};

// What is said of an id that is no row of the table.
std::string bad_id(const Tensor& ids, int64_t element, int32_t value, int64_t vocabulary);

void validate(const EmbeddingForward& operation);
void validate(const EmbeddingBackward& operation);

}  // namespace leia
