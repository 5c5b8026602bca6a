#include "ops/cross_entropy/cross_entropy.h"

#include "core/tensor_text.h"

namespace leia {

namespace {

void check_logits(const char* operation, const Tensor& logits, const Tensor& labels,
                  int64_t vocabulary) {
  check_float(operation, "logits", logits);
  check_rank(operation, "logits", logits, 2);
  require(logits.shape[1] > 0, operation, ": logits has shape ", logits.shape,
          ", expected at least one logit a row");
  require(vocabulary >= 1 && vocabulary <= logits.shape[1], operation, ": vocabulary is ",
          vocabulary, ", expected 1 to ", logits.shape[1], ", the logits of a row");
  check_shape(operation, "labels", labels, {logits.shape[0]});
  check_dtype(operation, "labels", labels, DType::int32);
}

// One float32 for each row.
void check_rows(const char* operation, const char* name, const Tensor& rows, const Tensor& logits) {
  check_shape(operation, name, rows, {logits.shape[0]});
  check_dtype(operation, name, rows, DType::float32);
}

void check_gradient(const char* operation, const Tensor& grad_logits, const Tensor& logits,
                    const Tensor& labels) {
  check_like(operation, "grad_logits", grad_logits, logits);
  check_same_or_apart(operation, "grad_logits", grad_logits, "logits", logits);
  check_apart(operation, "grad_logits", grad_logits, "labels", labels);
}

}  // namespace

std::string bad_label(const Tensor& labels, int64_t element, int32_t value, int64_t vocabulary) {
  return text("label ", value, " at position ", position_of(labels.shape, element),
              ", expected 0 to ", vocabulary - 1, ", or ", kIgnoredLabel, " for a row to ignore");
}

void validate(const CrossEntropyForward& op) {
  check_logits(op.kName, op.logits, op.labels, op.vocabulary);
  check_rows(op.kName, "logsumexp", op.logsumexp, op.logits);
  check_rows(op.kName, "losses", op.losses, op.logits);
  const auto check_output = [&](const char* name, const Tensor& output) {
    check_apart(op.kName, name, output, "logits", op.logits);
    check_apart(op.kName, name, output, "labels", op.labels);
  };
  check_output("losses", op.losses);
  check_output("logsumexp", op.logsumexp);
  check_apart(op.kName, "logsumexp", op.logsumexp, "losses", op.losses);
}

void validate(const CrossEntropyBackward& op) {
  check_logits(op.kName, op.logits, op.labels, op.vocabulary);
  check_rows(op.kName, "logsumexp", op.logsumexp, op.logits);
  check_gradient(op.kName, op.grad_logits, op.logits, op.labels);
  check_apart(op.kName, "grad_logits", op.grad_logits, "logsumexp", op.logsumexp);
}

void validate(const CrossEntropy& op) {
  check_logits(op.kName, op.logits, op.labels, op.vocabulary);
  check_rows(op.kName, "losses", op.losses, op.logits);
  check_apart(op.kName, "losses", op.losses, "logits", op.logits);
  check_apart(op.kName, "losses", op.losses, "labels", op.labels);
  check_gradient(op.kName, op.grad_logits, op.logits, op.labels);
  check_apart(op.kName, "grad_logits", op.grad_logits, "losses", op.losses);
}

}  // namespace leia
