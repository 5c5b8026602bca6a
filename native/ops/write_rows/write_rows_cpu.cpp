#include "ops/write_rows/write_rows.h"

#include <cstring>

#include "cpu/cpu_context.h"

namespace leia {

void execute_cpu(const WriteRows& op, CpuContext&) {
  const int64_t count = op.table.shape[0];
  const int32_t* rows = op.rows.data<int32_t>();
  for (int64_t i = 0; i < op.rows.elements(); ++i) {
    if (rows[i] < 0 || rows[i] >= count) fail("argument", bad_row(op.rows, i, rows[i], count));
  }
  const auto row_bytes = static_cast<size_t>(op.table.shape[1]) * size_of(op.table.dtype);
  const auto* input = op.input.data<std::byte>();
  auto* table = op.table.data<std::byte>();
  // One after the other: the same row twice is no race, and there are few.
  for (int64_t i = 0; i < op.rows.elements(); ++i) {
    std::memcpy(table + static_cast<size_t>(rows[i]) * row_bytes,
                input + static_cast<size_t>(i) * row_bytes, row_bytes);
  }
}

LEIA_CPU_EXECUTION(WriteRows)

}  // namespace leia
