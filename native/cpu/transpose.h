// Transposes small blocks of numbers in registers: rows become columns, 16 bytes at a time. A block
// of n by n, with n numbers in 16 bytes, takes log2(n) rounds that interleave its upper half with
// its lower one. In the baseline of every platform an interleaving is one instruction.
#pragma once

#include <cstdint>
#include <cstring>

namespace leia {

#if defined(__clang__)
#define LEIA_SHUFFLE(Vector, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define LEIA_SHUFFLE(Vector, a, b, ...) __builtin_shuffle(a, b, Vector{__VA_ARGS__})
#endif

typedef uint8_t Bytes16 __attribute__((vector_size(16)));
typedef uint16_t Words8 __attribute__((vector_size(16)));
typedef uint32_t Words4 __attribute__((vector_size(16)));
typedef uint64_t Words2 __attribute__((vector_size(16)));

// a0 b0 a1 b1 ... of the first halves, or of the second ones.
inline Bytes16 interleave_first(Bytes16 a, Bytes16 b) {
  return LEIA_SHUFFLE(Bytes16, a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
inline Bytes16 interleave_second(Bytes16 a, Bytes16 b) {
  return LEIA_SHUFFLE(Bytes16, a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
inline Words8 interleave_first(Words8 a, Words8 b) {
  return LEIA_SHUFFLE(Words8, a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
inline Words8 interleave_second(Words8 a, Words8 b) {
  return LEIA_SHUFFLE(Words8, a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
inline Words4 interleave_first(Words4 a, Words4 b) {
  return LEIA_SHUFFLE(Words4, a, b, 0, 4, 1, 5);
}
inline Words4 interleave_second(Words4 a, Words4 b) {
  return LEIA_SHUFFLE(Words4, a, b, 2, 6, 3, 7);
}
inline Words2 interleave_first(Words2 a, Words2 b) {
  return LEIA_SHUFFLE(Words2, a, b, 0, 2);
}
inline Words2 interleave_second(Words2 a, Words2 b) {
  return LEIA_SHUFFLE(Words2, a, b, 1, 3);
}

#undef LEIA_SHUFFLE

// Side of the block that transpose_block takes.
template <class T>
constexpr int kBlockSide = 16 / static_cast<int>(sizeof(T));

// to[j * to_stride + i] = from[i * from_stride + j] for i and j below kBlockSide.
template <class T>
void transpose_block(const T* from, int64_t from_stride, T* to, int64_t to_stride) {
  typedef T Vector __attribute__((vector_size(16)));
  constexpr int kSide = kBlockSide<T>;
  Vector rows[kSide], next[kSide];
  for (int i = 0; i < kSide; ++i) std::memcpy(&rows[i], from + i * from_stride, sizeof(Vector));
  for (int done = 1; done < kSide; done *= 2) {
    for (int i = 0; i < kSide / 2; ++i) {
      next[2 * i] = interleave_first(rows[i], rows[i + kSide / 2]);
      next[2 * i + 1] = interleave_second(rows[i], rows[i + kSide / 2]);
    }
    for (int i = 0; i < kSide; ++i) rows[i] = next[i];
  }
  for (int i = 0; i < kSide; ++i) std::memcpy(to + i * to_stride, &rows[i], sizeof(Vector));
}

// The same for any number of rows and columns.
template <class T>
void transpose(const T* from, int64_t from_stride, int64_t rows, int64_t columns, T* to,
               int64_t to_stride) {
  constexpr int64_t kSide = kBlockSide<T>;
  const int64_t whole_rows = rows / kSide * kSide, whole_columns = columns / kSide * kSide;
  for (int64_t j = 0; j < whole_columns; j += kSide) {
    for (int64_t i = 0; i < whole_rows; i += kSide) {
      transpose_block(from + i * from_stride + j, from_stride, to + j * to_stride + i, to_stride);
    }
  }
  for (int64_t j = 0; j < columns; ++j) {
    for (int64_t i = j < whole_columns ? whole_rows : 0; i < rows; ++i) {
      to[j * to_stride + i] = from[i * from_stride + j];
    }
  }
}

}  // namespace leia
