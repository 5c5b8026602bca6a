// Rotary position embedding (Su et al. 2021) in Hugging Face's rotate-half form, on rows
// x[batch, sequence, head, 0..D) with h = D / 2 and p = positions[batch, sequence]:
//
//   output[i]     = x[i] * cos[p, i]     - x[i + h] * sin[p, i]        for i < h
//   output[i + h] = x[i + h] * cos[p, i] + x[i] * sin[p, i]
//
// Backward is the rotation by the opposite angle. A position that is no row of the tables fails the
// stream, naming the position.
#pragma once

#include "core/tensor.h"

namespace leia {

struct RopeForward {
  static constexpr const char* kName = "rope_forward";
  Tensor input;      // [batch, sequence, heads, D], float32 or bfloat16, D even
  Tensor cos, sin;   // [rows, D / 2], float32
  Tensor positions;  // [batch, sequence], int32, each 0 to rows - 1; optional: 0, 1, ...
  Tensor output;     // shape and dtype of input; may be input

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("input", self.input, Access::read);
    visit("cos", self.cos, Access::read);
    visit("sin", self.sin, Access::read);
    visit("positions", self.positions, Access::read, kOptional);
    visit("output", self.output, Access::write);
  }
};

struct RopeBackward {
  static constexpr const char* kName = "rope_backward";
  Tensor grad_output;  // [batch, sequence, heads, D], float32 or bfloat16, D even
  Tensor cos, sin;     // [rows, D / 2], float32
  Tensor positions;    // [batch, sequence], int32, each 0 to rows - 1; optional: 0, 1, ...
  Tensor grad_input;   // shape and dtype of grad_output; may be grad_output

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("grad_output", self.grad_output, Access::read);
    visit("cos", self.cos, Access::read);
    visit("sin", self.sin, Access::read);
    visit("positions", self.positions, Access::read, kOptional);
    visit("grad_input", self.grad_input, Access::write);
  }
};

// What is said of a position that is no row of the tables.
std::string bad_position(const Tensor& positions, int64_t element, int32_t value, int64_t rows);

void validate(const RopeForward& operation);
void validate(const RopeBackward& operation);

}  // namespace leia
