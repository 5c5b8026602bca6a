#include "ops/flash_attention/flash_attention.h"

#include <cmath>

#include "core/device.h"
#include "ops/flash_attention/visible_keys.h"

namespace leia {

namespace {

constexpr int64_t kMaxHeadDim = 256;
// Blocks of a grid in its second and third dimension, which heads and batch entries are there.
constexpr int64_t kMostOnCuda = 65535;

void check_options(const char* name, const AttentionOptions& options) {
  require(std::isfinite(options.scale), name, ": scale is ", options.scale,
          ", expected a finite number");
  require(std::isfinite(options.softcap) && options.softcap >= 0, name, ": softcap is ",
          options.softcap, ", expected a positive number, or 0 for none");
  const std::vector<int64_t>& window = options.window_size;
  require(
      window.size() == 2, name, ": window_size has ", window.size(),
      " numbers, expected 2: how many keys to the left and to the right of its own a query sees");
  require(window[0] >= -1 && window[1] >= -1, name, ": window_size is [", window[0], ", ",
          window[1], "], expected numbers of keys, or -1 for no bound");
}

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
  require(op.query.storage->device()->kind() != DeviceKind::cuda ||
              (query[0] <= kMostOnCuda && query[2] <= kMostOnCuda),
          name, ": query has batch ", query[0], " and ", query[2], " heads, expected at most ",
          kMostOnCuda, " of each on CUDA");
  check_options(name, op.options);
  require(!has_positions(op.options) || query[1] <= key[1], name, ": ", query[1], " queries but ",
          key[1], " keys; ", op.options.causal ? "causal attention" : "attention with a window",
          " is aligned to the last key and needs at least as many keys");
  if (op.document_starts) {
    check_dtype(name, "document_starts", op.document_starts, DType::int32);
    require(query[1] == key[1], name, ": document_starts with ", query[1], " queries and ", key[1],
            " keys, expected as many queries as keys");
    check_shape(name, "document_starts", op.document_starts, {query[0], query[1]});
  }
  if (op.key_lengths) {
    check_dtype(name, "key_lengths", op.key_lengths, DType::int32);
    check_shape(name, "key_lengths", op.key_lengths, {query[0]});
    require(!op.document_starts, name,
            ": key_lengths and document_starts, expected at most one of them");
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
