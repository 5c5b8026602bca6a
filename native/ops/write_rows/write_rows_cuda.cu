#include "cuda/context.cuh"
#include "ops/write_rows/write_rows.h"

namespace leia {

namespace {

constexpr uint32_t kThreads = 256;

// A block a row.
template <class T, int Width>
__global__ void write_rows(Global<const int32_t> rows, Global<const T> input, Global<T> table,
                           int64_t count, int64_t hidden, Global<uint64_t> error_word) {
  const int64_t from = blockIdx.x;
  const int32_t to = rows.load(from);
  if (to < 0 || to >= count) {
    if (threadIdx.x == 0) report_bad_input(error_word, from, to);
    return;
  }
  for (int64_t i = threadIdx.x * Width; i < hidden; i += int64_t{kThreads} * Width) {
    table.store_vector(to * hidden + i,
                       input.template load_vector<Pack<T, Width>>(from * hidden + i));
  }
}

}  // namespace

void execute_cuda(const WriteRows& op, CudaContext& context) {
  const int64_t count = op.table.shape[0], hidden = op.table.shape[1];
  if (op.rows.elements() == 0) return;
  const Tensor& rows = op.rows;
  const Global<uint64_t> error_word =
      context.error_word([rows, count](int64_t element, int32_t value) {
        return bad_row(rows, element, value, count);
      });
  dispatch_float(op.table.dtype, [&](auto type) {
    using T = decltype(type);
    with_width<T>(hidden % kPack<T> == 0 && aligned(op.input, op.table), [&](auto width) {
      launch(op.kName, write_rows<T, width>,
             {.blocks = static_cast<uint32_t>(rows.elements()), .threads = kThreads},
             context.stream, input<int32_t>(rows), input<T>(op.input), output<T>(op.table), count,
             hidden, error_word);
    });
  });
}

LEIA_CUDA_EXECUTION(WriteRows)

}  // namespace leia
