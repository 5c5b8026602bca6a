#include "ops/embedding/embedding.h"

#include "core/tensor_text.h"

namespace leia {

namespace {

// The table is [V, H]; rows has the shape of ids followed by H.
void check_tables(const char* operation, const Tensor& ids, const char* table_name,
                  const Tensor& table, const char* rows_name, const Tensor& rows) {
  check_dtype(operation, "ids", ids, DType::int32);
  require(ids.shape.rank() < Shape::kMaxRank, operation, ": ids has shape ", ids.shape,
          ", expected at most ", Shape::kMaxRank - 1, " dimensions");
  check_rank(operation, table_name, table, 2);
  Shape expected = ids.shape;
  expected.append(table.shape[1]);
  check_shape(operation, rows_name, rows, expected);
  check_float(operation, rows_name, rows);
}

}  // namespace

std::string bad_id(const Tensor& ids, int64_t element, int32_t value, int64_t vocabulary) {
  return text("id ", value, " at position ", position_of(ids.shape, element),
              " is not a row of the table, expected 0 to ", vocabulary - 1);
}

void validate(const EmbeddingForward& op) {
  check_tables(op.kName, op.ids, "weight", op.weight, "output", op.output);
  check_dtype(op.kName, "output", op.output, op.weight.dtype);
  check_apart(op.kName, "output", op.output, "ids", op.ids);
  check_apart(op.kName, "output", op.output, "weight", op.weight);
}

void validate(const EmbeddingBackward& op) {
  check_tables(op.kName, op.ids, "grad_weight", op.grad_weight, "grad_output", op.grad_output);
  check_dtype(op.kName, "grad_weight", op.grad_weight, DType::float32);
  check_apart(op.kName, "grad_weight", op.grad_weight, "ids", op.ids);
  check_apart(op.kName, "grad_weight", op.grad_weight, "grad_output", op.grad_output);
}

}  // namespace leia
