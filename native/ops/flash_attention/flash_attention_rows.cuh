// How attention's tensors come to its kernels: the nearest head size that they are made for, and
// copies of what is not aligned or not as wide as that.
#pragma once

#include <cmath>

#include "cuda/context.cuh"
#include "ops/flash_attention/flash_attention.h"
#include "ops/flash_attention/flash_attention_softmax.cuh"

namespace leia {

// Calls body with the element type and the head size of the kernels to use, as compile-time values.
template <class Body>
void dispatch_attention(const Tensor& query, Body&& body) {
  dispatch_float(query.dtype, [&](auto type) {
    const int64_t dims = query.shape[3];
    if (dims <= 32) {
      body(type, std::integral_constant<int, 32>{});
    } else if (dims <= 64) {
      body(type, std::integral_constant<int, 64>{});
    } else if (dims <= 96) {
      body(type, std::integral_constant<int, 96>{});
    } else if (dims <= 128) {
      body(type, std::integral_constant<int, 128>{});
    } else {
      body(type, std::integral_constant<int, 256>{});
    }
  });
}

// The kernels want a positive scale, since they take the maximum before they scale. The sign, and
// the zero of a scale of zero, go to the queries instead.
struct PositiveScale {
  float scale, query_factor;

  explicit PositiveScale(float any)
      : scale(any == 0.0f ? 1.0f : std::fabs(any)),
        query_factor(any > 0.0f   ? 1.0f
                     : any < 0.0f ? -1.0f
                                  : 0.0f) {}
};

namespace {

// One thread for each number of `to`, whose rows may be wider or narrower than those of `from`.
template <class T>
__global__ void copy_rows(Global<const T> from, int32_t from_dims, Global<T> to, int32_t to_dims,
                          int64_t count, float factor) {
  const int64_t i = first_element(1);
  if (i >= count) return;
  const int64_t row = i / to_dims, dim = i % to_dims;
  const float value = dim < from_dims ? as_float(from.load(row * from_dims + dim)) * factor : 0.0f;
  to.store(i, rounded<T>(value));
}

template <class T>
void launch_copy_rows(const char* name, CudaContext& context, Global<const T> from,
                      int64_t from_dims, Global<T> to, int64_t to_dims, int64_t rows,
                      float factor) {
  const int64_t count = rows * to_dims;
  if (count == 0) return;
  launch(name, copy_rows<T>, over_elements(count, 1), context.stream, from,
         static_cast<int32_t>(from_dims), to, static_cast<int32_t>(to_dims), count, factor);
}

template <class T, int Dims>
bool usable(const Tensor& tensor) {
  return tensor.shape[3] == Dims && aligned(tensor);
}

// A tensor's rows times `factor`, as wide as the kernels want them and aligned: its own memory
// where it can be.
template <class T, int Dims>
Global<const T> rows_in(const char* name, CudaContext& context, const Tensor& tensor,
                        float factor = 1.0f) {
  if (usable<T, Dims>(tensor) && factor == 1.0f) return input<T>(tensor);
  const Global<T> rows = context.scratch<T>(tensor.rows() * Dims);
  launch_copy_rows<T>(name, context, input<T>(tensor), tensor.shape[3], rows, Dims, tensor.rows(),
                      factor);
  return rows.read_only();
}

// Where kernels write a tensor's rows: its own memory where it can be, else a copy, which finish()
// brings there.
template <class T, int Dims>
class RowsOut {
 public:
  RowsOut(CudaContext& context, const Tensor& tensor, float factor = 1.0f)
      : context_(context),
        tensor_(tensor),
        factor_(factor),
        direct_(usable<T, Dims>(tensor) && factor == 1.0f),
        rows_(direct_ ? output<T>(tensor) : context.scratch<T>(tensor.rows() * Dims)) {}

  Global<T> rows() const { return rows_; }
  void finish(const char* name) const {
    if (direct_) return;
    launch_copy_rows<T>(name, context_, rows_.read_only(), Dims, output<T>(tensor_),
                        tensor_.shape[3], tensor_.rows(), factor_);
  }

 private:
  CudaContext& context_;
  const Tensor& tensor_;
  float factor_;
  bool direct_;
  Global<T> rows_;
};

// One thread for each start.
__global__ void check_document_starts(Global<const int32_t> starts, int64_t count,
                                      int32_t positions, Global<uint64_t> error_word) {
  const int64_t i = first_element(1);
  if (i >= count) return;
  const int32_t start = starts.load(i), position = static_cast<int32_t>(i % positions);
  const bool continues = position > 0 && start == starts.load(i - 1);
  if (start != position && !continues) report_bad_input(error_word, i, start);
}

// One thread for each row.
__global__ void check_key_lengths(Global<const int32_t> lengths, int64_t rows, KeyLengths allowed,
                                  Global<uint64_t> error_word) {
  const int64_t i = first_element(1);
  if (i >= rows) return;
  const int32_t length = lengths.load(i);
  if (!allowed.allow(length)) report_bad_input(error_word, i, length);
}

// Which keys the queries see. Queues a check of the document starts or key lengths, if there are
// any.
template <class Operation>
Visibility visibility_of(const Operation& op, CudaContext& context) {
  const Tensor &starts = op.document_starts, &lengths = op.key_lengths;
  const int64_t queries = op.query.shape[1], keys = op.key.shape[1];
  Global<uint64_t> error_word(nullptr, 0);
  if (starts) {
    error_word = context.error_word([queries](int64_t element, int32_t value) {
      return bad_document_start(queries, element, value);
    });
    launch(op.kName, check_document_starts, over_elements(starts.elements(), 1), context.stream,
           input<int32_t>(starts), starts.elements(), static_cast<int32_t>(queries), error_word);
  }
  if (lengths) {
    const KeyLengths allowed = lengths_of(op);
    error_word = context.error_word(
        [allowed](int64_t element, int32_t value) { return allowed.refusal(element, value); });
    launch(op.kName, check_key_lengths, over_elements(lengths.elements(), 1), context.stream,
           input<int32_t>(lengths), lengths.elements(), allowed, error_word);
  }
  const auto integers = [](const Tensor& tensor) {
    return tensor ? input<int32_t>(tensor) : Global<const int32_t>(nullptr, 0);
  };
  return {integers(starts),
          integers(lengths),
          static_cast<int32_t>(queries),
          static_cast<int32_t>(keys),
          window_of(op.options, queries, keys),
          static_cast<bool>(starts),
          static_cast<bool>(lengths),
          error_word.read_only()};
}

constexpr uint32_t blocks_of(int64_t count, int64_t size) {
  return static_cast<uint32_t>((count + size - 1) / size);
}

}  // namespace

}  // namespace leia
