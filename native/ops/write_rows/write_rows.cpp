#include "ops/write_rows/write_rows.h"

namespace leia {

std::string bad_row(const Tensor& rows, int64_t element, int32_t value, int64_t count) {
  return text("row ", value, " at position ", position_of(rows.shape, element),
              " is not in the table, expected 0 to ", count - 1);
}

void validate(const WriteRows& op) {
  check_dtype(op.kName, "rows", op.rows, DType::int32);
  require(op.rows.shape.rank() < Shape::kMaxRank, op.kName, ": rows has shape ",
          op.rows.shape.to_string(), ", expected at most ", Shape::kMaxRank - 1, " dimensions");
  check_rank(op.kName, "table", op.table, 2);
  check_float(op.kName, "table", op.table);
  Shape expected = op.rows.shape;
  expected.append(op.table.shape[1]);
  check_shape(op.kName, "input", op.input, expected);
  check_dtype(op.kName, "input", op.input, op.table.dtype);
  check_apart(op.kName, "table", op.table, "rows", op.rows);
  check_apart(op.kName, "table", op.table, "input", op.input);
}

}  // namespace leia
