// Compiled once per instruction set by matmul_cpu.cpp. The usual blocked product (Goto & van de
// Geijn 2008): strips of B are packed once and shared; each task owns a tile of the result, packs
// its rows of A block by block over k and adds up in a float32 tile that stays in the cache.
#include "cpu/micro_kernel.h"

namespace leia::LEIA_ISA {

// Rows of the register tile: as many as leave two registers for B and one for A.
constexpr int kTileRows = kLanes == 16 ? 12 : kLanes == 8 ? 6 : 4;
constexpr int64_t kDepth = 256;          // k per block: a B panel of 32 KiB
constexpr int64_t kStripColumns = 1024;  // of B, packed at once
constexpr int64_t kTaskRows = 96;        // of A per task, a multiple of every kTileRows

inline int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// How many packed elements of B, of products of a batch, are there at once at most: 4 MiB.
constexpr int64_t kGroupElements = int64_t{1} << 20;

// An operand as (outer, k) elements at fixed strides, one for each product of a batch.
template <class T>
struct Operand {
  const T* data;
  int64_t outer_stride, k_stride, item_stride;
  Operand item(int64_t i) const { return {data + i * item_stride, outer_stride, k_stride, 0}; }
  const T* at(int64_t outer, int64_t k) const { return data + outer * outer_stride + k * k_stride; }
};

// Packs `count` outer elements from `outer`, depth k from `k0`, as panels [depth, Width] of
// float32; what is missing in the last panel is zero.
template <int64_t Width, class T>
void pack_panels(const Operand<T>& from, int64_t outer, int64_t count, int64_t k0, int64_t depth,
                 float* to) {
  for (int64_t panel = 0; panel < count; panel += Width) {
    const int64_t width = count - panel < Width ? count - panel : Width;
    if (width < Width) std::memset(to, 0, static_cast<size_t>(depth * Width) * sizeof(float));
    if (from.outer_stride == 1) {
      for (int64_t k = 0; k < depth; ++k) {
        const T* source = from.at(outer + panel, k0 + k);
        for (int64_t i = 0; i < width; ++i) to[k * Width + i] = to_float(source[i]);
      }
    } else {
      for (int64_t i = 0; i < width; ++i) {
        const T* source = from.at(outer + panel + i, k0);
        for (int64_t k = 0; k < depth; ++k) {
          to[k * Width + i] = to_float(source[k * from.k_stride]);
        }
      }
    }
    to += depth * Width;
  }
}

// The same for bfloat16 pairs of consecutive k: panels [ceil(depth / 2), Width] of 32 bits.
template <int64_t Width>
void pack_panels(const Operand<bfloat16>& from, int64_t outer, int64_t count, int64_t k0,
                 int64_t depth, uint32_t* to) {
  const int64_t pairs = (depth + 1) / 2;
  for (int64_t panel = 0; panel < count; panel += Width) {
    const int64_t width = count - panel < Width ? count - panel : Width;
    if (width < Width || depth % 2 != 0) {
      std::memset(to, 0, static_cast<size_t>(pairs * Width) * sizeof(uint32_t));
    }
    if (from.outer_stride == 1) {
      for (int64_t k = 0; k < depth; k += 2) {
        const bfloat16* low = from.at(outer + panel, k0 + k);
        const bfloat16* high = from.at(outer + panel, k0 + k + 1);
        uint32_t* row = to + k / 2 * Width;
        if (k + 1 < depth) {
          for (int64_t i = 0; i < width; ++i) {
            row[i] = low[i].bits | static_cast<uint32_t>(high[i].bits) << 16;
          }
        } else {
          for (int64_t i = 0; i < width; ++i) row[i] = low[i].bits;
        }
      }
    } else {
      for (int64_t i = 0; i < width; ++i) {
        const bfloat16* source = from.at(outer + panel + i, k0);
        for (int64_t k = 0; k + 1 < depth; k += 2) {
          uint32_t pair;
          std::memcpy(&pair, source + k, sizeof(pair));
          to[k / 2 * Width + i] = pair;
        }
        if (depth % 2 != 0) to[depth / 2 * Width + i] = source[depth - 1].bits;
      }
    }
    to += pairs * Width;
  }
}

inline void multiply_packed(const float* a, const float* b, int64_t depth, float* c, int64_t stride,
                            bool accumulate) {
  multiply_tile<kTileRows>(a, b, depth, c, stride, accumulate);
}

#ifdef LEIA_ISA_AVX512
__attribute__((target("avx512bf16"))) inline void multiply_packed(const uint32_t* a,
                                                                  const uint32_t* b, int64_t depth,
                                                                  float* c, int64_t stride,
                                                                  bool accumulate) {
  multiply_tile_pairs<kTileRows>(a, b, depth, c, stride, accumulate);
}
#endif

// Packed elements per k: float32 takes one per k, pairs one per two.
inline int64_t packed_depth(const float*, int64_t depth) {
  return depth;
}
inline int64_t packed_depth(const uint32_t*, int64_t depth) {
  return (depth + 1) / 2;
}

// Without a bias it is nullptr.
template <class Out>
void write_row(const float* sums, const Out* bias, Out* output, int64_t count, bool accumulate) {
  for_vectors(count, [&](int64_t i, int64_t width) {
    Floats value = load_count(sums + i, width);
    if (bias != nullptr) value += load_count(bias + i, width);
    if (accumulate) value += load_count(output + i, width);
    store_count(output + i, value, width);
  });
}

template <class Packed, class T, class Out>
void multiply(const Matmul& op, const Operand<T>& a, const Operand<T>& b, CpuContext& context) {
  const int64_t m = op.m(), n = op.n(), k = op.k(), batch = op.batch();
  Out* output = op.output.data<Out>();
  const Out* bias = op.bias ? op.bias.data<Out>() : nullptr;
  const int64_t blocks = (k + kDepth - 1) / kDepth;
  const int64_t strip_size = n < kStripColumns ? round_up(n, kTileColumns) : kStripColumns;
  const int64_t block_size = packed_depth(static_cast<Packed*>(nullptr), kDepth) * strip_size;
  // Small products are made together, so that there is work for all threads.
  const int64_t item_size = blocks * block_size;
  int64_t group = 1;
  while (group < batch && (group + 1) * item_size <= kGroupElements) ++group;
  Packed* packed_b = context.scratch.take<Packed>(group * item_size);
  // Few rows: the columns are shared out as well.
  const int64_t task_columns = m > 4 * kTaskRows ? strip_size : 4 * kTileColumns;
  const int64_t row_tasks = (m + kTaskRows - 1) / kTaskRows;

  const auto strip_of_group = [&](int64_t first_item, int64_t items, int64_t strip) {
    const int64_t columns = n - strip < kStripColumns ? n - strip : kStripColumns;
    const int64_t panels = (columns + kTileColumns - 1) / kTileColumns;
    context.parallel_for(items * blocks * panels, [&](int64_t task) {
      const int64_t panel = task % panels, block = task / panels % blocks;
      const int64_t item = task / panels / blocks;
      const int64_t depth = k - block * kDepth < kDepth ? k - block * kDepth : kDepth;
      const int64_t first = panel * kTileColumns;
      pack_panels<kTileColumns>(
          b.item(first_item + item), strip + first,
          columns - first < kTileColumns ? columns - first : kTileColumns, block * kDepth, depth,
          packed_b + item * item_size + block * block_size + packed_depth(packed_b, depth) * first);
    });
    const int64_t column_tasks = (columns + task_columns - 1) / task_columns;
    context.parallel_for(items * row_tasks * column_tasks, [&](int64_t task) {
      const int64_t column = task % column_tasks * task_columns;
      const int64_t row = task / column_tasks % row_tasks * kTaskRows;
      const int64_t item = task / column_tasks / row_tasks;
      const int64_t rows = m - row < kTaskRows ? m - row : kTaskRows;
      const int64_t width = columns - column < task_columns ? columns - column : task_columns;
      const int64_t stride = round_up(width, kTileColumns);
      const Operand<T> own_a = a.item(first_item + item);
      const Packed* own_b = packed_b + item * item_size;
      Packed* packed_a = thread_scratch<Packed, 0>(kTaskRows * kDepth);
      float* sums = thread_scratch<float, 1>(kTaskRows * stride);
      for (int64_t block = 0; block < blocks; ++block) {
        const int64_t depth = k - block * kDepth < kDepth ? k - block * kDepth : kDepth;
        const int64_t steps = packed_depth(packed_a, depth);
        pack_panels<kTileRows>(own_a, row, rows, block * kDepth, depth, packed_a);
        for (int64_t j = 0; j < width; j += kTileColumns) {
          const Packed* panel = own_b + block * block_size + steps * (column + j);
          for (int64_t i = 0; i < rows; i += kTileRows) {
            multiply_packed(packed_a + steps * i, panel, steps, sums + i * stride + j, stride,
                            block > 0);
          }
        }
      }
      Out* target = output + ((first_item + item) * m + row) * n + strip + column;
      for (int64_t i = 0; i < rows; ++i) {
        const Out* own_bias = bias != nullptr ? bias + strip + column : nullptr;
        write_row(sums + i * stride, own_bias, target + i * n, width, op.accumulate);
      }
    });
  };
  for (int64_t item = 0; item < batch; item += group) {
    const int64_t items = batch - item < group ? batch - item : group;
    for (int64_t strip = 0; strip < n; strip += kStripColumns) strip_of_group(item, items, strip);
  }
}

// What a few rows need: each weight is read once from memory, and nothing is packed.
template <class T, class Out>
struct FewRows {
  const T *a, *b;
  int64_t n, k;
  const Out* bias;  // nullptr without
  Out* output;
  bool accumulate;

  void write(int64_t row, int64_t column, Floats sum) const {
    float value = reduce_sum(sum);
    if (bias != nullptr) value += to_float(bias[column]);
    Out* target = output + row * n + column;
    if (accumulate) value += to_float(*target);
    *target = from_float<Out>(value);
  }

  // A block of the result, whose sums stay in registers.
  template <int Rows, int Columns>
  void block(int64_t row, int64_t column) const {
    Floats sums[Rows][Columns] = {};
    for_vectors(k, [&](int64_t x, int64_t count) {
      Floats right[Columns];
      for (int j = 0; j < Columns; ++j) right[j] = load_count(b + (column + j) * k + x, count);
      for (int i = 0; i < Rows; ++i) {
        const Floats left = load_count(a + (row + i) * k + x, count);
        for (int j = 0; j < Columns; ++j) sums[i][j] += left * right[j];
      }
    });
    for (int i = 0; i < Rows; ++i) {
      for (int j = 0; j < Columns; ++j) write(row + i, column + j, sums[i][j]);
    }
  }

  // One number, in four sums that run side by side.
  void single(int64_t row, int64_t column) const {
    const T *left = a + row * k, *right = b + column * k;
    Floats sums[4] = {};
    int64_t x = 0;
    for (; x + 4 * kLanes <= k; x += 4 * kLanes) {
      for (int part = 0; part < 4; ++part) {
        const int64_t at = x + part * kLanes;
        sums[part] += load(left + at) * load(right + at);
      }
    }
    for_vectors(k - x, [&](int64_t at, int64_t count) {
      sums[0] += load_count(left + x + at, count) * load_count(right + x + at, count);
    });
    write(row, column, (sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
};

// With more rows packing b costs less than reading a again for each pair of columns, and than
// widening bfloat16 each time.
template <class T>
constexpr int64_t kFewRows = std::is_same_v<T, float> ? 32 : 8;

// A few rows times rows of b (generation).
template <class T, class Out>
void multiply_rows(const Matmul& op, CpuContext& context) {
  const int64_t m = op.m(), n = op.n(), k = op.k();
  const T *a = op.a.data<T>(), *b = op.b.data<T>();
  Out* output = op.output.data<Out>();
  const Out* bias = op.bias ? op.bias.data<Out>() : nullptr;
  constexpr int64_t kColumns = 64;  // of a task
  const int64_t tasks = (n + kColumns - 1) / kColumns;
  context.parallel_for(op.batch() * tasks, [&](int64_t task) {
    const int64_t item = task / tasks, first = task % tasks * kColumns;
    const int64_t last = first + kColumns < n ? first + kColumns : n;
    const FewRows<T, Out> few{
        a + item * m * k, b + item * op.b_stride(), n, k, bias, output + item * m * n,
        op.accumulate};
    for (int64_t column = first; column < last; column += 2) {
      int64_t row = 0;
      if (column + 2 <= last) {
        for (; row + 4 <= m; row += 4) few.template block<4, 2>(row, column);
      }
      for (; row < m; ++row) {
        few.single(row, column);
        if (column + 2 <= last) few.single(row, column + 1);
      }
    }
  });
}

template <class T, class Out>
void matmul_typed(const Matmul& op, CpuContext& context) {
  if (op.m() <= kFewRows<T> && op.transpose_b && (!op.transpose_a || op.m() == 1)) {
    multiply_rows<T, Out>(op, context);
    return;
  }
  const int64_t a_columns = op.a.shape[-1], b_columns = op.b.shape[-1];
  const int64_t a_stride = op.m() * op.k(), b_stride = op.b_stride();
  const Operand<T> a = op.transpose_a ? Operand<T>{op.a.data<T>(), 1, a_columns, a_stride}
                                      : Operand<T>{op.a.data<T>(), a_columns, 1, a_stride};
  const Operand<T> b = op.transpose_b ? Operand<T>{op.b.data<T>(), b_columns, 1, b_stride}
                                      : Operand<T>{op.b.data<T>(), 1, b_columns, b_stride};
#ifdef LEIA_ISA_AVX512
  if constexpr (std::is_same_v<T, bfloat16>) {
    if (has_bf16_dot()) return multiply<uint32_t, T, Out>(op, a, b, context);
  }
#endif
  multiply<float, T, Out>(op, a, b, context);
}

inline void matmul(const Matmul& op, CpuContext& context) {
  if (op.output.elements() == 0) return;
  if (op.a.dtype == DType::float32) {
    matmul_typed<float, float>(op, context);
  } else if (op.output.dtype == DType::float32) {
    matmul_typed<bfloat16, float>(op, context);
  } else {
    matmul_typed<bfloat16, bfloat16>(op, context);
  }
}

}  // namespace leia::LEIA_ISA
