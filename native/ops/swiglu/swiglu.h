// SwiGLU's activation (Shazeer 2020), element by element in float32, with s = 1 / (1 + e^-gate):
//
//   output    = gate * s * up
//   grad_gate = grad_output * up * s * (1 + gate * (1 - s))
//   grad_up   = grad_output * gate * s
#pragma once

#include "core/tensor.h"

namespace leia {

struct SwigluForward {
  static constexpr const char* kName = "swiglu_forward";
  Tensor gate;    // any shape, float32 or bfloat16
  Tensor up;      // shape and dtype of gate
  Tensor output;  // shape and dtype of gate; may be gate or up

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("gate", self.gate, Access::read);
    visit("up", self.up, Access::read);
    visit("output", self.output, Access::write);
  }
};

struct SwigluBackward {
  static constexpr const char* kName = "swiglu_backward";
  Tensor grad_output;  // shape and dtype of gate
  Tensor gate;         // any shape, float32 or bfloat16
  Tensor up;           // shape and dtype of gate
  Tensor grad_gate;    // shape and dtype of gate; overwritten; may be one of the three above
  Tensor grad_up;      // likewise, another one than grad_gate

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("grad_output", self.grad_output, Access::read);
    visit("gate", self.gate, Access::read);
    visit("up", self.up, Access::read);
    visit("grad_gate", self.grad_gate, Access::write);
    visit("grad_up", self.grad_up, Access::write);
  }
};

void validate(const SwigluForward& operation);
void validate(const SwigluBackward& operation);

}  // namespace leia
