#include "emulator_kernels.h"

#include <map>

#include "cuda/ptx.cuh"
#include "cuda/turns.cuh"

namespace leia::emulator_test {

namespace {

constexpr int kThreads = 64;

struct Arguments {
  Global<const float> input;
  Global<float> output;
  bool faulty;
};
using Kernel = void (*)(Arguments);

// Every thread gives its neighbour a number.
__global__ void missing_barrier(Arguments arguments) {
  const Shared<float> shared(0, kThreads);
  const int i = static_cast<int>(threadIdx.x);
  shared.store(i, -1.0f);
  sync_threads();
  shared.store(i, static_cast<float>(i));
  if (!arguments.faulty) sync_threads();
  arguments.output.store(i, shared.load((i + 1) % kThreads));
}

// The same within a warp.
__global__ void missing_warp_barrier(Arguments arguments) {
  const Shared<float> shared(0, kThreads);
  const int i = static_cast<int>(threadIdx.x);
  shared.store(i, -1.0f);
  sync_warp();
  shared.store(i, static_cast<float>(i));
  if (!arguments.faulty) sync_warp();
  arguments.output.store(i, shared.load(i ^ 1));
}

// Overwrites what others may not have read yet.
__global__ void write_before_read(Arguments arguments) {
  const Shared<float> shared(0, kThreads);
  const int i = static_cast<int>(threadIdx.x);
  shared.store(i, static_cast<float>(i));
  sync_threads();
  const float neighbour = shared.load((i + 1) % kThreads);
  if (!arguments.faulty) sync_threads();
  shared.store(i, -1.0f);
  arguments.output.store(i, neighbour);
}

// Two warps write the same place.
__global__ void race_between_warps(Arguments arguments) {
  const Shared<float> shared(0, 1);
  const int i = static_cast<int>(threadIdx.x);
  if (i == 0 || (arguments.faulty && i == 32)) shared.store(0, 7.0f);
  sync_threads();
  arguments.output.store(i, shared.load(0));
}

__global__ void missing_copy_wait(Arguments arguments) {
  const Shared<float> shared(0, 4 * kThreads);
  const int i = static_cast<int>(threadIdx.x);
  copy_async_16(shared, 4 * i, arguments.input, 4 * i);
  copy_async_commit();
  if (!arguments.faulty) copy_async_wait<0>();
  sync_threads();
  arguments.output.store(i, shared.load(4 * ((i + 1) % kThreads)));
}

// Of two groups, only the older has landed.
__global__ void waits_for_the_wrong_group(Arguments arguments) {
  const Shared<float> shared(0, 8);
  if (threadIdx.x == 0) {
    copy_async_16(shared, 0, arguments.input, 0);
    copy_async_commit();
    copy_async_16(shared, 4, arguments.input, 4);
    copy_async_commit();
    copy_async_wait<1>();
    arguments.output.store(0, shared.load(0));
    if (!arguments.faulty) copy_async_wait<0>();
    arguments.output.store(1, shared.load(4));
  }
}

// What a thread waited for is not yet there for the others.
__global__ void copy_without_barrier(Arguments arguments) {
  const Shared<float> shared(0, 4 * kThreads);
  const int i = static_cast<int>(threadIdx.x);
  copy_async_16(shared, 4 * i, arguments.input, 4 * i);
  copy_async_commit();
  copy_async_wait<0>();
  if (!arguments.faulty) sync_threads();
  arguments.output.store(i, shared.load(4 * ((i + 1) % kThreads)));
}

// The next tile lands where the last one is still being read.
__global__ void copy_over_a_tile_in_use(Arguments arguments) {
  const Shared<float> shared(0, 4 * kThreads);
  const int i = static_cast<int>(threadIdx.x);
  copy_async_16(shared, 4 * i, arguments.input, 4 * i);
  copy_async_commit();
  copy_async_wait<0>();
  sync_threads();
  const float first = shared.load(4 * ((i + 1) % kThreads));
  if (!arguments.faulty) sync_threads();
  copy_async_16(shared, 4 * i, arguments.input, 0, false);
  copy_async_commit();
  copy_async_wait<0>();
  sync_threads();
  arguments.output.store(i, first + shared.load(4 * i));
}

__global__ void divergent_barrier(Arguments arguments) {
  const int i = static_cast<int>(threadIdx.x);
  if (!arguments.faulty || i < 16) sync_threads();
  arguments.output.store(i, 1.0f);
}

__global__ void two_barriers(Arguments arguments) {
  const int i = static_cast<int>(threadIdx.x);
  if (arguments.faulty && i >= 32) {
    sync_threads();
  } else {
    sync_threads();
  }
  arguments.output.store(i, 1.0f);
}

__global__ void divergent_shuffle(Arguments arguments) {
  const int i = static_cast<int>(threadIdx.x);
  float value = static_cast<float>(i);
  if (!arguments.faulty || i % 2 == 0) value = shuffle_xor(value, 2);
  arguments.output.store(i, value);
}

__global__ void shared_out_of_bounds(Arguments arguments) {
  const Shared<float> shared(0, kThreads);
  const int i = static_cast<int>(threadIdx.x);
  shared.store(arguments.faulty ? i + 1 : i, 1.0f);
  arguments.output.store(i, 1.0f);
}

__global__ void shared_array_too_large(Arguments arguments) {
  const Shared<float> shared(1024, arguments.faulty ? 20000 : 16);
  arguments.output.store(static_cast<int>(threadIdx.x), 1.0f);
}

__global__ void global_out_of_bounds(Arguments arguments) {
  const int i = static_cast<int>(threadIdx.x);
  arguments.output.store(i, arguments.input.load(arguments.faulty ? i - 1 : i));
}

__global__ void uninitialised_shared(Arguments arguments) {
  const Shared<float> shared(0, 2 * kThreads);
  const int i = static_cast<int>(threadIdx.x);
  shared.store(i, 1.0f);
  sync_threads();
  arguments.output.store(i, shared.load(arguments.faulty ? i + kThreads : i));
}

struct alignas(16) Four {
  float values[4];
};

__global__ void misaligned_global(Arguments arguments) {
  const int i = static_cast<int>(threadIdx.x);
  const Four four = arguments.input.load_vector<Four>(4 * i + (arguments.faulty && i < 63 ? 1 : 0));
  arguments.output.store(i, four.values[0]);
}

__global__ void misaligned_shared(Arguments arguments) {
  const Shared<float> shared(0, 4 * kThreads + 4);
  const int i = static_cast<int>(threadIdx.x);
  const Four four{{1, 2, 3, 4}};
  shared.store_vector(4 * i + (arguments.faulty ? 2 : 0), four);
  arguments.output.store(i, 1.0f);
}

// A sum over the block that is right, through every kind of exchange.
__global__ void block_sum(Arguments arguments) {
  const Shared<float> partial(0, kThreads / kWarpSize);
  const int i = static_cast<int>(threadIdx.x), warp = i / kWarpSize;
  const float sum = warp_sum(arguments.input.load(i));
  const float largest = warp_max(arguments.input.load(i));
  const uint32_t odd = ballot(i % 2 == 1);
  if (lane_index() == 0) partial.store(warp, sum + largest + static_cast<float>(odd >> 31));
  sync_threads();
  float total = 0.0f;
  for (int w = 0; w < kThreads / kWarpSize; ++w) total += partial.load(w);
  arguments.output.store(i, total + shuffle(arguments.faulty ? 0.0f : 0.5f, 3));
}

const std::map<std::string, Kernel>& planted() {
  static const std::map<std::string, Kernel> kernels = {
      {"missing_barrier", missing_barrier},
      {"missing_warp_barrier", missing_warp_barrier},
      {"write_before_read", write_before_read},
      {"race_between_warps", race_between_warps},
      {"missing_copy_wait", missing_copy_wait},
      {"waits_for_the_wrong_group", waits_for_the_wrong_group},
      {"copy_without_barrier", copy_without_barrier},
      {"copy_over_a_tile_in_use", copy_over_a_tile_in_use},
      {"divergent_barrier", divergent_barrier},
      {"two_barriers", two_barriers},
      {"divergent_shuffle", divergent_shuffle},
      {"shared_out_of_bounds", shared_out_of_bounds},
      {"shared_array_too_large", shared_array_too_large},
      {"global_out_of_bounds", global_out_of_bounds},
      {"uninitialised_shared", uninitialised_shared},
      {"misaligned_global", misaligned_global},
      {"misaligned_shared", misaligned_shared},
      {"block_sum", block_sum},
  };
  return kernels;
}

struct Product {
  Global<const bfloat16> a, b;  // [16, 16], [16, 8]
  Global<float> c;              // [16, 8]
};

// Fragments element by element, as the comment of multiply_add_m16n8k16 describes them.
__global__ void multiply_by_hand(Product product) {
  const int g = lane_index() / 4, t = lane_index() % 4;
  const auto pair = [](bfloat16 low, bfloat16 high) {
    return static_cast<uint32_t>(high.bits) << 16 | low.bits;
  };
  uint32_t a[4], b[2];
  for (int i = 0; i < 4; ++i) {
    const int at = (g + 8 * (i % 2)) * 16 + 2 * t + 8 * (i / 2);
    a[i] = pair(product.a.load(at), product.a.load(at + 1));
  }
  for (int i = 0; i < 2; ++i) {
    const int at = (2 * t + 8 * i) * 8 + g;
    b[i] = pair(product.b.load(at), product.b.load(at + 8));
  }
  float c[4] = {};
  multiply_add_m16n8k16(c, a, b);
  for (int i = 0; i < 4; ++i) product.c.store((g + 8 * (i / 2)) * 8 + 2 * t + i % 2, c[i]);
}

// As a real kernel does it: tiles by asynchronous copies, fragments by ldmatrix.
__global__ void multiply_by_matrix_loads(Product product) {
  const Shared<bfloat16> a_tile(0, 256), b_tile(512, 128);
  const int lane = lane_index();
  copy_async_16(a_tile, 8 * lane, product.a, 8 * lane);
  if (lane < 16) copy_async_16(b_tile, 8 * lane, product.b, 8 * lane);
  copy_async_commit();
  copy_async_wait<0>();
  sync_warp();
  uint32_t a[4], b[4];
  // Rows 0-7 and 8-15 of the left half, then of the right one.
  load_matrix_x4(a, a_tile, (lane % 16) * 16 + lane / 16 * 8);
  // b is [k, n]: transposed on the way. Only 16 rows are there; lanes 16-31 name them again.
  load_matrix_x4_transposed(b, b_tile, lane % 16 * 8);
  float c[4] = {};
  multiply_add_m16n8k16(c, a, {b[0], b[1]});
  const int g = lane / 4, t = lane % 4;
  for (int i = 0; i < 4; ++i) product.c.store((g + 8 * (i / 2)) * 8 + 2 * t + i % 2, c[i]);
}

__global__ void show_matrix_lanes(Global<float> output, bool transposed) {
  const Shared<bfloat16> tiles(0, 256);
  const int lane = lane_index();
  // Element [row, column] of matrix j is the number 64 * j + 8 * row + column: exact in bfloat16.
  for (int i = 0; i < 8; ++i)
    tiles.store(8 * lane + i, to_bfloat16(static_cast<float>(8 * lane + i)));
  sync_warp();
  uint32_t registers[4];
  if (transposed) {
    load_matrix_x4_transposed(registers, tiles, 8 * lane);
  } else {
    load_matrix_x4(registers, tiles, 8 * lane);
  }
  for (int j = 0; j < 4; ++j) {
    const auto half = [&](int which) {
      return to_float(bfloat16{static_cast<uint16_t>(registers[j] >> (16 * which))});
    };
    output.store(8 * lane + 2 * j, half(0));
    output.store(8 * lane + 2 * j + 1, half(1));
  }
}

struct Turns {
  Global<uint32_t> tickets, next;  // one word each
  Global<float> sums;
};

// Every block adds a number to sums of four threads, one block after the other: floats, whose sum
// depends on the order.
__global__ void add_in_turn(Turns turns, bool faulty) {
  const Shared<uint32_t> ticket(0, 1);
  if (threadIdx.x == 0) ticket.store(0, take_ticket(turns.tickets));
  sync_threads();
  const uint32_t own = ticket.load(0);
  if (threadIdx.x == 0) await_turn(turns.next, 0, own, kMinuteOfPolls);
  sync_threads();
  if (threadIdx.x < 4) {
    const int64_t i = int64_t{threadIdx.x} * 4;
    auto sums = load_shared_sums(turns.sums, i);
    for (float& sum : sums.values) sum += 1.0f / static_cast<float>(own + threadIdx.x + 1);
    store_shared_sums(turns.sums, i, sums);
  }
  sync_threads();
  if (threadIdx.x == 0 && !(faulty && own == 5)) pass_turn(turns.next, 0, own + 1);
}

std::vector<bfloat16> rounded(const std::vector<float>& values) {
  std::vector<bfloat16> result;
  for (const float value : values) result.push_back(to_bfloat16(value));
  return result;
}

template <class T>
Global<T> global(std::vector<T>& values) {
  return {values.data(), static_cast<int64_t>(values.size())};
}

template <class T>
Global<const T> global(const std::vector<T>& values) {
  return {values.data(), static_cast<int64_t>(values.size())};
}

}  // namespace

std::vector<float> run_planted(const std::string& name, bool faulty, uint64_t order) {
  const auto found = planted().find(name);
  if (found == planted().end()) fail("usage", text("there is no kernel ", name));
  std::vector<float> input, output(kThreads);
  for (int i = 0; i < 4 * kThreads; ++i) input.push_back(static_cast<float>(i));
  const std::vector<float>& given = input;
  launch(name.c_str(), found->second, {.threads = kThreads, .shared_bytes = 2048},
         Stream{ThreadPool::shared(), order}, Arguments{global(given), global(output), faulty});
  return output;
}

std::vector<float> multiply(const std::vector<float>& a, const std::vector<float>& b,
                            bool by_hand) {
  const std::vector<bfloat16> left = rounded(a), right = rounded(b);
  std::vector<float> c(128);
  launch("multiply", by_hand ? multiply_by_hand : multiply_by_matrix_loads,
         {.threads = 32, .shared_bytes = 1024}, Stream{ThreadPool::shared()},
         Product{global(left), global(right), global(c)});
  return c;
}

std::vector<float> matrix_lanes(bool transposed) {
  std::vector<float> output(256);
  launch("show_matrix_lanes", show_matrix_lanes, {.threads = 32, .shared_bytes = 512},
         Stream{ThreadPool::shared()}, global(output), transposed);
  return output;
}

std::vector<float> sums_in_turn(bool faulty, uint64_t order) {
  const auto patience = emulator::longest_turn;
  if (faulty) emulator::longest_turn = std::chrono::milliseconds(100);
  std::vector<uint32_t> tickets(1), next(1);
  std::vector<float> sums(16);
  try {
    launch("add_in_turn", add_in_turn, {.blocks = 40, .threads = 64, .shared_bytes = 16},
           Stream{ThreadPool::shared(), order}, Turns{global(tickets), global(next), global(sums)},
           faulty);
  } catch (...) {
    emulator::longest_turn = patience;
    throw;
  }
  emulator::longest_turn = patience;
  return sums;
}

}  // namespace leia::emulator_test
