#include "emulator/matrix.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/dtype.h"
#include "emulator/block.h"

namespace leia::emulator {

namespace {

constexpr uint32_t kAllLanes = ~0u;

struct LoadMatrix {
  uint16_t row[8];
  bool transposed;
  uint32_t* registers;
};

void give_out(const std::array<LoadMatrix*, kWarp>& lanes, uint32_t) {
  for (uint32_t lane = 0; lane < kWarp; ++lane) {
    const uint32_t g = lane / 4, t = lane % 4;
    for (uint32_t matrix = 0; matrix < 4; ++matrix) {
      const auto element = [&](uint32_t row, uint32_t column) -> uint32_t {
        return lanes[8 * matrix + row]->row[column];
      };
      const bool transposed = lanes[lane]->transposed;
      const uint32_t low = transposed ? element(2 * t, g) : element(g, 2 * t);
      const uint32_t high = transposed ? element(2 * t + 1, g) : element(g, 2 * t + 1);
      lanes[lane]->registers[matrix] = high << 16 | low;
    }
  }
}

// How tensor cores add. NVIDIA does not say, so this follows measurements (Fasi, Higham, Mikaitis &
// Pranesh, "Numerical behavior of NVIDIA tensor cores", 2021). It is the way of the A100, the
// coarsest of the GPUs in question: eight products and the sum so far are cut, not rounded, to 24
// bits behind the leading bit of the largest, added exactly, and the sum is cut to float32.
constexpr int kFraction = 24;

// 2^exponent, for exponents of normal numbers.
double power_of_two(int exponent) {
  return std::bit_cast<double>(static_cast<uint64_t>(1023 + exponent) << 52);
}

int exponent_of(float value) {
  return value == 0.0f ? -300 : std::ilogb(value);
}

struct MultiplyAdd {
  float* c;
  const uint32_t* a;
  const uint32_t* b;
};

void multiply(const std::array<MultiplyAdd*, kWarp>& lanes, uint32_t) {
  float a[16][16], b[16][8];
  for (uint32_t lane = 0; lane < kWarp; ++lane) {
    const uint32_t g = lane / 4, t = lane % 4;
    for (uint32_t i = 0; i < 8; ++i) {
      a[g + 8 * (i / 2 % 2)][2 * t + i % 2 + 8 * (i / 4)] = half_of(lanes[lane]->a[i / 2], i % 2);
    }
    for (uint32_t i = 0; i < 4; ++i) {
      b[2 * t + i % 2 + 8 * (i / 2)][g] = half_of(lanes[lane]->b[i / 2], i % 2);
    }
  }
  for (uint32_t lane = 0; lane < kWarp; ++lane) {
    const uint32_t g = lane / 4, t = lane % 4;
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t row = g + 8 * (i / 2), column = 2 * t + i % 2;
      float sum = lanes[lane]->c[i];
      for (uint32_t k = 0; k < 16; k += kProductBlock) {
        float left[kProductBlock], right[kProductBlock];
        for (uint32_t j = 0; j < kProductBlock; ++j) {
          left[j] = a[row][k + j];
          right[j] = b[k + j][column];
        }
        sum = add_products(sum, left, right);
      }
      lanes[lane]->c[i] = sum;
    }
  }
}

}  // namespace

float half_of(uint32_t pair, uint32_t half) {
  return to_float(bfloat16{static_cast<uint16_t>(pair >> (16 * half))});
}

float add_products(float sum, const float (&left)[kProductBlock],
                   const float (&right)[kProductBlock]) {
  int largest = exponent_of(sum);
  double terms[kProductBlock + 1] = {sum};
  bool finite = std::isfinite(sum);
  for (uint32_t i = 0; i < kProductBlock; ++i) {
    terms[i + 1] = static_cast<double>(left[i]) * static_cast<double>(right[i]);  // exact
    finite = finite && std::isfinite(left[i]) && std::isfinite(right[i]);
    if (terms[i + 1] != 0.0) {
      largest = std::max(largest, exponent_of(left[i]) + exponent_of(right[i]));
    }
  }
  double total = 0.0;
  if (!finite) {
    for (const double term : terms) total += term;
    return static_cast<float>(total);
  }
  if (largest == -300) return 0.0f;
  const double unit = power_of_two(largest - kFraction), units = power_of_two(kFraction - largest);
  for (const double term : terms) total += std::trunc(term * units);
  total *= unit;
  const auto result = static_cast<float>(total);
  const bool is_cut = std::fabs(static_cast<double>(result)) <= std::fabs(total);
  return is_cut || !std::isfinite(result) ? result : std::nextafter(result, 0.0f);
}

void load_matrix(uint32_t (&registers)[4], size_t offset, bool transposed, const Where& where) {
  Block& block = *Block::current().block;
  LoadMatrix mine{{}, transposed, registers};
  block.shared().check_read(offset, sizeof(mine.row), block.accessor(), where);
  block.note_access(offset, sizeof(mine.row), where);
  std::memcpy(mine.row, block.shared().data() + offset, sizeof(mine.row));
  block.collective("ldmatrix", kAllLanes, mine, where, &give_out);
}

void multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                  const Where& where) {
  MultiplyAdd mine{c, a, b};
  Block::current().block->collective("mma", kAllLanes, mine, where, &multiply);
}

}  // namespace leia::emulator
