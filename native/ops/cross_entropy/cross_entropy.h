// Cross-entropy of rows of logits x[r, 0..V) against labels y[r]; a label of -100 ignores its row.
// A row may be longer than the vocabulary V, so that every row begins where 16-byte accesses can:
// what lies behind the vocabulary is not read, and its gradient is 0.
//
//   logsumexp[r] = log(sum_v e^x[r, v])                     (of every row)
//   losses[r]    = logsumexp[r] - x[r, y[r]], 0 where ignored
//   grad_logits[r, v] = scale * (e^(x[r, v] - logsumexp[r]) - [v = y[r]]), 0 where ignored
//
// Forward reads the logits once, with a running maximum and sum (Milakov & Gimelshein 2018);
// probabilities are never stored. Any other label outside 0..V-1 fails the stream, naming it.
#pragma once

#include "core/tensor.h"

namespace leia {

constexpr int32_t kIgnoredLabel = -100;

struct CrossEntropyForward {
  static constexpr const char* kName = "cross_entropy_forward";
  Tensor logits;       // [rows, V or more], float32 or bfloat16
  Tensor labels;       // [rows], int32
  Tensor losses;       // [rows], float32
  Tensor logsumexp;    // [rows], float32
  int64_t vocabulary;  // V

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("logits", self.logits, Access::read);
    visit("labels", self.labels, Access::read);
    visit("losses", self.losses, Access::write);
    visit("logsumexp", self.logsumexp, Access::write);
    visit("vocabulary", self.vocabulary);
  }
};

struct CrossEntropyBackward {
  static constexpr const char* kName = "cross_entropy_backward";
  Tensor logits;     // [rows, V or more], float32 or bfloat16
  Tensor labels;     // [rows], int32
  Tensor logsumexp;  // [rows], float32
  float scale;
  Tensor grad_logits;  // shape and dtype of logits; overwritten; may be logits
  int64_t vocabulary;  // V

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("logits", self.logits, Access::read);
    visit("labels", self.labels, Access::read);
    visit("logsumexp", self.logsumexp, Access::read);
    visit("grad_logits", self.grad_logits, Access::write);
    visit("scale", self.scale);
    visit("vocabulary", self.vocabulary);
  }
};

// Both in one: each row is read while it is still in the cache from the first look.
struct CrossEntropy {
  static constexpr const char* kName = "cross_entropy";
  Tensor logits;  // [rows, V or more], float32 or bfloat16
  Tensor labels;  // [rows], int32
  float scale;
  Tensor losses;       // [rows], float32
  Tensor grad_logits;  // shape and dtype of logits; overwritten; may be logits
  int64_t vocabulary;  // V

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("logits", self.logits, Access::read);
    visit("labels", self.labels, Access::read);
    visit("losses", self.losses, Access::write);
    visit("grad_logits", self.grad_logits, Access::write);
    visit("scale", self.scale);
    visit("vocabulary", self.vocabulary);
  }
};

// What is said of a label that is neither in the vocabulary nor ignored.
std::string bad_label(const Tensor& labels, int64_t element, int32_t value, int64_t vocabulary);

void validate(const CrossEntropyForward& operation);
void validate(const CrossEntropyBackward& operation);
void validate(const CrossEntropy& operation);

}  // namespace leia
