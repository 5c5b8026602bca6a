#include "ops/cross_entropy/cross_entropy.h"

namespace leia {

namespace {

void check_inputs(const char* operation, const Tensor& logits, const Tensor& labels,
                  const Tensor& logsumexp) {
  check_float(operation, "logits", logits);
  check_rank(operation, "logits", logits, 2);
  require(logits.shape[1] > 0, operation, ": logits has shape ", logits.shape.to_string(),
          ", expected at least one logit a row");
  check_shape(operation, "labels", labels, {logits.shape[0]});
  check_dtype(operation, "labels", labels, DType::int32);
  check_shape(operation, "logsumexp", logsumexp, {logits.shape[0]});
  check_dtype(operation, "logsumexp", logsumexp, DType::float32);
}

}  // namespace

void validate(const CrossEntropyForward& op) {
  check_inputs(op.kName, op.logits, op.labels, op.logsumexp);
  check_shape(op.kName, "losses", op.losses, {op.logits.shape[0]});
  check_dtype(op.kName, "losses", op.losses, DType::float32);
  const auto check_output = [&](const char* name, const Tensor& output) {
    check_apart(op.kName, name, output, "logits", op.logits);
    check_apart(op.kName, name, output, "labels", op.labels);
  };
  check_output("losses", op.losses);
  check_output("logsumexp", op.logsumexp);
  check_apart(op.kName, "logsumexp", op.logsumexp, "losses", op.losses);
}

void validate(const CrossEntropyBackward& op) {
  check_inputs(op.kName, op.logits, op.labels, op.logsumexp);
  check_like(op.kName, "grad_logits", op.grad_logits, op.logits);
  check_same_or_apart(op.kName, "grad_logits", op.grad_logits, "logits", op.logits);
  check_apart(op.kName, "grad_logits", op.grad_logits, "labels", op.labels);
  check_apart(op.kName, "grad_logits", op.grad_logits, "logsumexp", op.logsumexp);
}

}  // namespace leia
