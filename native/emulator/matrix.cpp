#include "emulator/matrix.h"

#include <array>
#include <cstring>

#include "core/dtype.h"
#include "emulator/block.h"

namespace leia::emulator {

namespace {

constexpr uint32_t kAllLanes = ~0u;

float half_of(uint32_t pair, uint32_t half) {
  return to_float(bfloat16{static_cast<uint16_t>(pair >> (16 * half))});
}

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
      for (uint32_t k = 0; k < 16; ++k) sum += a[row][k] * b[k][column];
      lanes[lane]->c[i] = sum;
    }
  }
}

}  // namespace

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
