// Small kernels that the emulator must run or refuse: each with a fault planted in it, and right.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace leia::emulator_test {

// Runs the named kernel, with its fault or without, threads in the order of the seed. Gives what it
// wrote; throws Error "execution" for a fault that was caught.
std::vector<float> run_planted(const std::string& name, bool faulty, uint64_t order);

// c[16, 8] = a[16, 16] * b[16, 8] by one warp: fragments loaded by hand, or through shared memory
// with ldmatrix (and ldmatrix.trans for b).
std::vector<float> multiply(const std::vector<float>& a, const std::vector<float>& b, bool by_hand);

// What load_matrix_x4 gives lane after lane, register after register, for four matrices whose
// elements are numbered: both halves as numbers.
std::vector<float> matrix_lanes(bool transposed);

// Of the named kernel: accesses of shared memory, and the turns its banks took for them.
std::vector<float> bank_conflicts(const std::string& name);

// Sums to which 40 blocks have added in turn, 1 / (number + i + 1) each; with the fault, one does
// not pass the turn on.
std::vector<float> sums_in_turn(bool faulty, uint64_t order);

struct TicketShape {
  int64_t heads, key_blocks, bytes_of_head, multiprocessors, cache_bytes;
};

// Ticket by ticket of attention's backward: key-value head and block of keys.
std::vector<float> ticket_places(const TicketShape& shape);

// Step by step of a block of attention's backward: query head and tile of queries.
std::vector<float> backward_steps(int32_t kv_head, int32_t group, int32_t first_tile,
                                  int32_t last_tile);

struct WarpgroupTest {
  bool in_registers;  // the left operand; then the sums begin with 1
  bool k_major;       // b is [columns, 128], else [128, columns]
  std::string fault;  // by name, or empty
  uint64_t order;     // of threads
  uint32_t threads = 128;
};

// sums[64, columns] = a[64, 128] * b by a warpgroup; 64 or 128 columns.
std::vector<float> warpgroup_multiply(const std::vector<float>& a, const std::vector<float>& b,
                                      const WarpgroupTest& test);

}  // namespace leia::emulator_test
