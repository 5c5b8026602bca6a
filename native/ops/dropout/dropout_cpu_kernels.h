// Compiled once per instruction set by dropout_cpu.cpp.
namespace leia::LEIA_ISA {

// Calls of the generator at once.
constexpr int64_t kQuads = 64;

// The words of the elements from 4 * quad on, in their order.
inline void fill_words(const DropoutMask& mask, uint64_t quad, uint32_t* words) {
  for (int64_t j = 0; j < kQuads; ++j) {
    const PhiloxWords made = mask.words(quad + static_cast<uint64_t>(j));
    std::memcpy(words + 4 * j, made.words, sizeof(made.words));
  }
}

inline void dropout(const Dropout& op, CpuContext& context) {
  const DropoutMask mask(op);
  dispatch_float(op.input.dtype, [&](auto type) {
    using T = decltype(type);
    const T* input = op.input.data<T>();
    T* output = op.output.data<T>();
    context.parallel_ranges(op.input.elements(), 1 << 13, [&](int64_t first, int64_t last) {
      // A vector may be read beyond the words that count.
      uint32_t words[4 * kQuads + kLanes] = {};
      for (int64_t at = first; at < last;) {
        const uint64_t place = mask.offset + static_cast<uint64_t>(at);
        const int64_t skipped = static_cast<int64_t>(place % 4), made = 4 * kQuads - skipped;
        const int64_t length = made < last - at ? made : last - at;
        fill_words(mask, place / 4, words);
        for_vectors(length, [&](int64_t i, int64_t count) {
          Words bits;
          std::memcpy(&bits, words + skipped + i, sizeof(bits));
          const Floats kept = load_count(input + at + i, count) * mask.scale;
          store_count(output + at + i, bits >= mask.least ? kept : Floats{}, count);
        });
        at += length;
      }
    });
  });
}

}  // namespace leia::LEIA_ISA
