// Compiled once per instruction set by gradient_norm_cpu.cpp.
namespace leia::LEIA_ISA {

constexpr int64_t kElementsPerBlock = 4096;
constexpr int64_t kBlocksPerTask = 64;

inline float block_sum_of_squares(const float* values, int64_t size) {
  Floats sums[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= size; i += 4 * kLanes) {
    for (int part = 0; part < 4; ++part) {
      const Floats x = load(values + i + part * kLanes);
      sums[part] += x * x;
    }
  }
  for_vectors(size - i, [&](int64_t at, int64_t count) {
    const Floats x = load_count(values + i + at, count);
    sums[0] += x * x;
  });
  return reduce_sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

inline double sum_of_squares(const float* values, int64_t elements, CpuContext& context) {
  const int64_t blocks = (elements + kElementsPerBlock - 1) / kElementsPerBlock;
  auto* sums = context.scratch.take<float>(blocks);
  context.parallel_ranges(blocks, kBlocksPerTask, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      const int64_t begin = block * kElementsPerBlock;
      sums[block] =
          block_sum_of_squares(values + begin, std::min(kElementsPerBlock, elements - begin));
    }
  });
  double sum = 0;
  for (int64_t block = 0; block < blocks; ++block) sum += sums[block];
  return sum;
}

}  // namespace leia::LEIA_ISA
