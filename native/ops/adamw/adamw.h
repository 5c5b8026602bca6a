// One step of AdamW (Loshchilov & Hutter 2019) for many parameters at once, in float32 and in the
// order of torch.optim.AdamW:
//
//   g = gradient * gradient_scale                     p = p * (1 - learning_rate * weight_decay)
//   m = beta1 * m + (1 - beta1) * g                   v = beta2 * v + (1 - beta2) * g * g
//   p = p - learning_rate / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon)
//
// The first moment is interpolated as torch's lerp does: from the nearer end.
//
// A bfloat16 parameter is the upper part of a float32 one: p = [bits + 0x8000]_31..16 (rounded to
// nearest, halves up) is what the model computes with, and master_low_bits holds the lower 16 bits,
// so that both together give p back exactly. (With ties to even they would not.) The step updates
// both; a NaN is stored as the quiet NaN 0x7fc0 with low bits 0.
//
// Moments in bfloat16 are rounded up or down at random, to either neighbour with the probability
// that keeps the mean (stochastic rounding), since a v that changes by less than half a bfloat16
// step would stand still otherwise. The step itself uses m and v before they are
// rounded. Element i of parameters[j] takes word i % 4 of Philox4x32-10 (core/philox.h) with the
// key `seed` and the counter ((first_elements[j] + i) / 4, step + 2^32 * (first_parameter + j)):
// the lower 16 bits for m, the upper for v. So the result depends on no division of the work, among
// threads or among ranks.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace leia {

struct AdamW {
  static constexpr const char* kName = "adamw";
  // As many of each as there are parameters; each of the shape of its parameter.
  std::vector<Tensor> parameters;       // at least one; any shapes; all float32 or all bfloat16
  std::vector<Tensor> master_low_bits;  // bfloat16 as 16 bits; none for float32
  std::vector<Tensor> gradients;        // float32
  std::vector<Tensor> first_moments, second_moments;  // all float32 or all bfloat16
  Tensor gradient_scale;                              // [1], float32; optional: 1
  double learning_rate, beta1, beta2, epsilon, weight_decay;
  int64_t step;             // 1 for the first
  int64_t seed;             // of the rounding of moments; 0 or more
  int64_t first_parameter;  // the number of parameters[0] among all that share the seed
  // Where each of parameters begins in the tensor that it is a flat slice of, a multiple of 4; none
  // where all are whole.
  std::vector<int64_t> first_elements;

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("parameters", self.parameters, Access::update);
    visit("master_low_bits", self.master_low_bits, Access::update, kOptional);
    visit("gradients", self.gradients, Access::read);
    visit("first_moments", self.first_moments, Access::update);
    visit("second_moments", self.second_moments, Access::update);
    visit("gradient_scale", self.gradient_scale, Access::read, kOptional);
    visit("learning_rate", self.learning_rate);
    visit("beta1", self.beta1);
    visit("beta2", self.beta2);
    visit("epsilon", self.epsilon);
    visit("weight_decay", self.weight_decay);
    visit("step", self.step);
    visit("seed", self.seed);
    visit("first_parameter", self.first_parameter);
    visit("first_elements", self.first_elements);
  }
};

void validate(const AdamW& operation);

}  // namespace leia
