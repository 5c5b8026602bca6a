#include "ops/flash_attention/flash_attention.h"

#include <cmath>

namespace leia {

namespace {

constexpr int64_t kMaxHeadDim = 256;

template <class Operation>
void check_inputs(const Operation& op) {
  const char* name = op.kName;
  check_float(name, "query", op.query);
  check_rank(name, "query", op.query, 4);
  check_rank(name, "key", op.key, 4);
  check_dtype(name, "key", op.key, op.query.dtype);
  check_like(name, "value", op.value, op.key);
  const Shape &query = op.query.shape, &key = op.key.shape;
  require(query[3] > 0 && query[3] <= kMaxHeadDim && query[3] % 2 == 0, name,
          ": query has head size ", query[3], ", expected an even number up to ", kMaxHeadDim);
  require(key[0] == query[0], name, ": key has batch ", key[0], ", expected query's ", query[0]);
  require(key[3] == query[3], name, ": key has head size ", key[3], ", expected query's ",
          query[3]);
  require(key[2] > 0 && query[2] % key[2] == 0, name, ": key has ", key[2],
          " heads, expected a divisor of query's ", query[2], " (grouped-query attention)");
  require(key[1] > 0, name, ": key has no positions");
  require(!op.options.causal || query[1] <= key[1], name, ": ", query[1], " queries but ", key[1],
          " keys; causal attention is aligned to the last key and needs at least as many keys");
  require(std::isfinite(op.options.scale), name, ": scale is ", op.options.scale,
          ", expected a finite number");
  if (op.document_starts) {
    check_dtype(name, "document_starts", op.document_starts, DType::int32);
    require(query[1] == key[1], name, ": document_starts with ", query[1], " queries and ", key[1],
            " keys, expected as many queries as keys");
    check_shape(name, "document_starts", op.document_starts, {query[0], query[1]});
  }
  check_like(name, "output", op.output, op.query);
  check_shape(name, "logsumexp", op.logsumexp, {query[0], query[2], query[1]});
  check_dtype(name, "logsumexp", op.logsumexp, DType::float32);
}

// An output shares memory with no other tensor.
template <class Operation>
void check_output(const Operation& op, const char* name, const Tensor& output) {
  visit_tensors(op, [&](const char* other_name, const Tensor& other, Access) {
    if (&other != &output) check_apart(op.kName, name, output, other_name, other);
  });
}

}  // namespace

void validate(const FlashAttentionForward& op) {
  check_inputs(op);
  if (op.key_lengths) {
    check_dtype(op.kName, "key_lengths", op.key_lengths, DType::int32);
    check_shape(op.kName, "key_lengths", op.key_lengths, {op.query.shape[0]});
    require(!op.document_starts, op.kName,
            ": key_lengths and document_starts, expected at most one of them");
  }
  check_output(op, "output", op.output);
  check_output(op, "logsumexp", op.logsumexp);
}

void validate(const FlashAttentionBackward& op) {
  check_inputs(op);
  check_like(op.kName, "grad_output", op.grad_output, op.query);
  check_like(op.kName, "grad_query", op.grad_query, op.query);
  check_like(op.kName, "grad_key", op.grad_key, op.key);
  check_like(op.kName, "grad_value", op.grad_value, op.key);
  check_output(op, "grad_query", op.grad_query);
  check_output(op, "grad_key", op.grad_key);
  check_output(op, "grad_value", op.grad_value);
}

}  // namespace leia
