// Softmax attention without the matrix of scores: FlashAttention-2 (Dao 2023, Algorithms 1 and 2).
// For each batch entry and query head h, with key-value head h / (heads / kv_heads):
//
//   S = scale * Q K^T,  P = softmax(S) over the visible keys,  O = P V,  L = logsumexp(S)
//
// With a softcap c, S is c * tanh(scale * Q K^T / c) instead (Gemma 2, section 2).
//
// Forward keeps a running maximum and sum while it walks over blocks of keys; only L is saved.
// Backward recomputes P = exp(S - L) block by block. With D = rowsum(dO * O):
//
//   dV = P^T dO,  dP = dO V^T,  dS = P * (dP - D),  dQ = scale * dS K,  dK = scale * dS^T Q
//
// where a softcap multiplies dS by 1 - (S / c)^2.
//
// The bits are the same every time. On a CPU, dQ is computed in one pass over blocks of queries, dK
// and dV in another over blocks of keys: seven products instead of five, and no sum is shared
// between tasks. On a GPU blocks of keys make all three with five products and add to dQ in turn.
// dK and dV add up the query heads of a group in order: on a CPU head by head, on a GPU for each
// tile of queries in turn.
//
// Visible to query i are the keys [first, last): with documents, first is the start of i's document
// and last its end, else 0 and the number of keys. Query i is at position p = i + (keys - queries)
// of the keys, so the last query is at the last key. With a window, first is at least p - left and
// last at most p + right + 1; causal is right = 0. Where rows of a batch have key lengths, as in a
// cache that is not full, the number of keys is the row's own. Blocks of keys that no query of a
// block sees are not visited, so the work is in proportion to the window.
//
// A query that sees no key, as in a row of length 0, has the output 0, L = -infinity and the
// gradient 0. All sums are float32.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace leia {

struct AttentionOptions {
  bool causal;
  float scale;
  std::vector<int64_t> window_size;  // left and right, -1 for no bound
  float softcap;                     // 0: none

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("causal", self.causal);
    visit("scale", self.scale);
    visit("window_size", self.window_size);
    visit("softcap", self.softcap);
  }
};

struct FlashAttentionForward {
  static constexpr const char* kName = "flash_attention_forward";
  Tensor query;            // [batch, queries, heads, D], float32 or bfloat16; D even, at most 256
  Tensor key;              // [batch, keys, kv_heads, D], dtype of query; kv_heads divides heads
  Tensor value;            // shape and dtype of key
  Tensor document_starts;  // optional: [batch, queries], int32, start of each position's document
  Tensor key_lengths;      // optional: [batch], int32, how many keys of each row there are; 0, or
                           // where queries have positions at least as many as queries
  Tensor output;           // shape and dtype of query
  Tensor logsumexp;        // [batch, heads, queries], float32, natural logarithm
  AttentionOptions options;

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("query", self.query, Access::read);
    visit("key", self.key, Access::read);
    visit("value", self.value, Access::read);
    visit("document_starts", self.document_starts, Access::read, kOptional);
    visit("key_lengths", self.key_lengths, Access::read, kOptional);
    visit("output", self.output, Access::write);
    visit("logsumexp", self.logsumexp, Access::write);
    AttentionOptions::arguments(self.options, visit);
  }
};

struct FlashAttentionBackward {
  static constexpr const char* kName = "flash_attention_backward";
  Tensor grad_output;                   // shape and dtype of query
  Tensor query, key, value;             // as in forward
  Tensor document_starts, key_lengths;  // as in forward
  Tensor output, logsumexp;             // as in forward
  Tensor grad_query;                    // like query; overwritten
  Tensor grad_key, grad_value;          // like key; overwritten
  AttentionOptions options;

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("grad_output", self.grad_output, Access::read);
    visit("query", self.query, Access::read);
    visit("key", self.key, Access::read);
    visit("value", self.value, Access::read);
    visit("document_starts", self.document_starts, Access::read, kOptional);
    visit("key_lengths", self.key_lengths, Access::read, kOptional);
    visit("output", self.output, Access::read);
    visit("logsumexp", self.logsumexp, Access::read);
    visit("grad_query", self.grad_query, Access::write);
    visit("grad_key", self.grad_key, Access::write);
    visit("grad_value", self.grad_value, Access::write);
    AttentionOptions::arguments(self.options, visit);
  }
};

void validate(const FlashAttentionForward& operation);
void validate(const FlashAttentionBackward& operation);

}  // namespace leia
