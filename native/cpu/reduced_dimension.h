// Reduces a dimension in chunks, and spreads a result over it again. Included by the kernel files
// that need it, which are compiled once per instruction set (hence no include guard).
namespace leia::LEIA_ISA {

// How many elements a task takes, about.
constexpr int64_t kElementsPerTask = 16384;

inline int64_t per_task(int64_t elements_each) {
  return elements_each < kElementsPerTask ? kElementsPerTask / (elements_each ? elements_each : 1)
                                          : 1;
}

inline int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

// Reduces each chunk of the dimension: [outer, chunks, inner], for the caller to join. Where inner
// is 1, of_row(first element, count, first index) gives the result of a chunk; else
// of_columns(first element, rows, columns, first index, results) those of up to kColumns columns.
template <class Partial, class OfRow, class OfColumns>
Partial* reduce_chunks(const ReducedDimension& d, CpuContext& context, OfRow of_row,
                       OfColumns of_columns) {
  constexpr int64_t kColumns = 1024;
  const int64_t chunks = d.chunks(), chunk = d.chunk();
  const int64_t blocks = (d.inner + kColumns - 1) / kColumns;
  Partial* results = context.scratch.take<Partial>(d.outputs() * chunks);
  const int64_t elements_each = least(chunk, d.size) * least(kColumns, d.inner);
  context.parallel_ranges(
      d.outer * chunks * blocks, per_task(elements_each),
      [&](int64_t first_item, int64_t last_item) {
        for (int64_t item = first_item; item < last_item; ++item) {
          const int64_t block = item % blocks, row = item / blocks;
          const int64_t first = row % chunks * chunk, count = least(chunk, d.size - first);
          const int64_t element = (row / chunks * d.size + first) * d.inner + block * kColumns;
          if (d.inner == 1) {
            results[row] = of_row(element, count, first);
          } else {
            const int64_t column = block * kColumns;
            of_columns(element, count, least(kColumns, d.inner - column), first,
                       results + row * d.inner + column);
          }
        }
      });
  return results;
}

// Calls body(output, results of its first chunk, stride to the next one) for every output.
template <class Partial, class Body>
void for_outputs(const ReducedDimension& d, const Partial* results, CpuContext& context,
                 Body body) {
  context.parallel_ranges(d.outputs(), per_task(d.chunks()), [&](int64_t first, int64_t last) {
    for (int64_t output = first; output < last; ++output) {
      const int64_t outer = output / d.inner, column = output % d.inner;
      body(output, results + outer * d.chunks() * d.inner + column, d.inner);
    }
  });
}

// Calls body(outer, first index, last index) for ranges of the dimension, in parallel.
template <class Body>
void spread(const ReducedDimension& d, CpuContext& context, Body body) {
  if (d.size == 0 || d.inner == 0) return;
  const int64_t rows_each = least(d.size, per_task(d.inner));
  const int64_t ranges = (d.size + rows_each - 1) / rows_each;
  context.parallel_ranges(d.outer * ranges, per_task(rows_each * d.inner),
                          [&](int64_t first_item, int64_t last_item) {
                            for (int64_t item = first_item; item < last_item; ++item) {
                              const int64_t first = item % ranges * rows_each;
                              body(item / ranges, first, least(d.size, first + rows_each));
                            }
                          });
}

}  // namespace leia::LEIA_ISA
