// One launch for all parameters, one pass: each byte of parameter, state and gradient is read once,
// and what changes is written once. A thread has two groups of elements on their way at a time,
// each read and written 16 bytes at a time.
#include "cuda/tensor_list.cuh"
#include "ops/adamw/adamw_factors.h"
#include "ops/adamw/adamw_rounding.h"

namespace leia {

namespace {

constexpr int kThreads = 256;
constexpr int kGroups = 2;
constexpr int64_t kChunk = 8192;
static_assert(kChunk % (kThreads * kGroups * kPack<float>) == 0);

// Aligned to its size, for it is read as a whole.
struct alignas(64) Entry {
  void* parameter;
  uint16_t* low_bits;
  const float* gradient;
  void *first_moment, *second_moment;
  int64_t count;
  int64_t first;    // where it begins in its parameter,
  uint32_t number;  // and the number of that, for the random bits
  bool aligned;
};

// float32 parameters as they are.
struct SingleParameters {
  LEIA_DEVICE explicit SingleParameters(const Entry& entry)
      : values(static_cast<float*>(entry.parameter), entry.count) {}

  Global<float> values;

  template <int Width>
  LEIA_DEVICE void get(float (&p)[Width], int64_t i, int64_t count) const {
    load_floats(p, values.read_only(), i, count);
  }
  template <int Width>
  LEIA_DEVICE void set(const float (&p)[Width], int64_t i, int64_t count) const {
    store_floats(values, i, count, p);
  }
};

// Upper halves rounded up from 0x8000, and the lower halves they were rounded by (adamw.h).
struct SplitParameters {
  LEIA_DEVICE explicit SplitParameters(const Entry& entry)
      : upper(static_cast<uint16_t*>(entry.parameter), entry.count),
        lower(entry.low_bits, entry.count) {}

  Global<uint16_t> upper, lower;

  template <int Width>
  LEIA_DEVICE void get(float (&p)[Width], int64_t i, int64_t count) const {
    Pack<uint16_t, Width> high{}, low{};
    if (i + Width <= count) {
      high = upper.template load_vector<Pack<uint16_t, Width>>(i);
      low = lower.template load_vector<Pack<uint16_t, Width>>(i);
    } else {
#pragma unroll
      for (int j = 0; j < Width; ++j) {
        if (i + j >= count) continue;
        high.values[j] = upper.load(i + j);
        low.values[j] = lower.load(i + j);
      }
    }
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      const uint32_t top = low.values[j] >= 0x8000u ? high.values[j] - 1u : high.values[j];
      p[j] = from_bits(top << 16 | low.values[j]);
    }
  }

  template <int Width>
  LEIA_DEVICE void set(const float (&p)[Width], int64_t i, int64_t count) const {
    Pack<uint16_t, Width> high, low;
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      const uint32_t bits = bits_of(p[j]);
      const uint32_t stored = (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : bits;
      high.values[j] = static_cast<uint16_t>((stored + 0x8000u) >> 16);
      low.values[j] = static_cast<uint16_t>(stored);
    }
    if (i + Width <= count) {
      upper.store_vector(i, high);
      lower.store_vector(i, low);
      return;
    }
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      if (i + j >= count) continue;
      upper.store(i + j, high.values[j]);
      lower.store(i + j, low.values[j]);
    }
  }
};

// Both moments as they are.
struct SingleMoments {
  LEIA_DEVICE SingleMoments(const Entry& entry, int64_t, int64_t)
      : first(static_cast<float*>(entry.first_moment), entry.count),
        second(static_cast<float*>(entry.second_moment), entry.count) {}

  Global<float> first, second;

  template <int Width>
  LEIA_DEVICE void get(float (&m)[Width], float (&v)[Width], int64_t i, int64_t end) const {
    load_floats(m, first.read_only(), i, end);
    load_floats(v, second.read_only(), i, end);
  }
  template <int Width>
  LEIA_DEVICE void set(const float (&m)[Width], const float (&v)[Width], int64_t i,
                       int64_t end) const {
    store_floats(first, i, end, m);
    store_floats(second, i, end, v);
  }
};

// In bfloat16, rounded at random (adamw.h).
struct HalfMoments {
  LEIA_DEVICE HalfMoments(const Entry& entry, int64_t seed, int64_t step)
      : first(static_cast<bfloat16*>(entry.first_moment), entry.count),
        second(static_cast<bfloat16*>(entry.second_moment), entry.count),
        random(seed, step, entry.number, entry.first) {}

  Global<bfloat16> first, second;
  RoundingBits random;

  template <int Width>
  LEIA_DEVICE void get(float (&m)[Width], float (&v)[Width], int64_t i, int64_t end) const {
    load_floats(m, first.read_only(), i, end);
    load_floats(v, second.read_only(), i, end);
  }

  // Element i's word. Compared, not indexed: an index known only later puts the words into local
  // memory.
  LEIA_DEVICE static uint32_t word_at(const PhiloxWords& made, int64_t i) {
    const uint32_t low = (i & 1) != 0 ? made.words[1] : made.words[0];
    const uint32_t high = (i & 1) != 0 ? made.words[3] : made.words[2];
    return (i & 2) != 0 ? high : low;
  }

  LEIA_DEVICE static float rounded_at_random(float value, uint32_t bits) {
    const uint32_t own = bits_of(value);
    const uint32_t stored = (own & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : own;
    return from_bits(upper_half(stored, bits) << 16);
  }

  template <int Width>
  LEIA_DEVICE void set(const float (&m)[Width], const float (&v)[Width], int64_t i,
                       int64_t end) const {
    static_assert(kElementsPerCall % Width == 0);
    const PhiloxWords made = random.of(i / kElementsPerCall * kElementsPerCall);
    float first_half[Width], second_half[Width];
#pragma unroll
    for (int j = 0; j < Width; ++j) {
      uint32_t word = made.words[j];
      if constexpr (Width == 1) word = word_at(made, i);
      first_half[j] = rounded_at_random(m[j], word & 0xffffu);
      second_half[j] = rounded_at_random(v[j], word >> 16);
    }
    store_floats(first, i, end, first_half);
    store_floats(second, i, end, second_half);
  }
};

struct Factors {
  AdamWFactors numbers;
  Global<const float> scale;
  bool scaled;
  int64_t seed, step;
};

// Updates the elements of one parameter from begin to end.
template <class Parameters, class Moments, int Width>
LEIA_DEVICE void update(const Entry& entry, const Factors& factors, float scale, int64_t begin,
                        int64_t end) {
  const AdamWFactors& f = factors.numbers;
  const Parameters parameters(entry);
  const Moments moments(entry, factors.seed, factors.step);
  const Global<const float> gradient(entry.gradient, entry.count);
  constexpr int64_t kStride = int64_t{kThreads} * Width;
  for (int64_t i = begin + static_cast<int64_t>(threadIdx.x) * Width; i < end;
       i += kGroups * kStride) {
    float g[kGroups][Width], m[kGroups][Width], v[kGroups][Width], p[kGroups][Width];
#pragma unroll
    for (int group = 0; group < kGroups; ++group) {
      const int64_t at = i + group * kStride;
      load_floats(g[group], gradient, at, end);
      moments.get(m[group], v[group], at, end);
      parameters.get(p[group], at, end);
    }
#pragma unroll
    for (int group = 0; group < kGroups; ++group) {
      const int64_t at = i + group * kStride;
#pragma unroll
      for (int j = 0; j < Width; ++j) {
        const float scaled = g[group][j] * scale;
        float mean = m[group][j], square = v[group][j];
        mean = f.first < 0.5f ? mean + f.first * (scaled - mean)
                              : scaled - f.keep_first * (scaled - mean);
        square = square * f.keep + f.second * scaled * scaled;
        m[group][j] = mean;
        v[group][j] = square;
        p[group][j] =
            p[group][j] * f.decay - f.rate * (mean / (sqrtf(square) / f.correction + f.epsilon));
      }
      moments.set(m[group], v[group], at, end);
      parameters.set(p[group], at, end);
    }
  }
}

template <class Parameters, class Moments>
__global__ void __launch_bounds__(kThreads) adamw(TensorList<Entry> list, Factors factors) {
  const Shared<int> found(0, 1);
  const ChunkOfTensor own = chunk_of_block(list, found);
  const Entry entry = list.entries.load(own.tensor);
  const float scale = factors.scaled ? factors.scale.load(0) : factors.numbers.scale;
  const int64_t begin = own.chunk * kChunk;
  const int64_t end = begin + kChunk < entry.count ? begin + kChunk : entry.count;
  if (entry.aligned) {
    update<Parameters, Moments, kPack<float>>(entry, factors, scale, begin, end);
  } else {
    update<Parameters, Moments, 1>(entry, factors, scale, begin, end);
  }
}

}  // namespace

void execute_cuda(const AdamW& op, CudaContext& context) {
  const bool split = !op.master_low_bits.empty();
  TensorListBuilder<Entry> list(kChunk);
  for (size_t i = 0; i < op.parameters.size(); ++i) {
    const Tensor low_bits = split ? op.master_low_bits[i] : Tensor{};
    list.add(op.parameters[i].elements(),
             {.parameter = op.parameters[i].data<void>(),
              .low_bits = split ? low_bits.data<uint16_t>() : nullptr,
              .gradient = op.gradients[i].data<float>(),
              .first_moment = op.first_moments[i].data<void>(),
              .second_moment = op.second_moments[i].data<void>(),
              .count = op.parameters[i].elements(),
              .first = op.first_elements.empty() ? 0 : op.first_elements[i],
              .number = static_cast<uint32_t>(op.first_parameter) + static_cast<uint32_t>(i),
              .aligned = aligned(op.parameters[i], low_bits, op.gradients[i], op.first_moments[i],
                                 op.second_moments[i])});
  }
  if (list.chunks() == 0) return;
  const bool scaled = static_cast<bool>(op.gradient_scale);
  const Factors factors{AdamWFactors(op),
                        scaled ? input<float>(op.gradient_scale) : Global<const float>(nullptr, 0),
                        scaled, op.seed, op.step};
  const bool half = op.first_moments[0].dtype == DType::bfloat16;
  const auto with_moments = [&](auto single, auto halved) { return half ? halved : single; };
  launch(op.kName,
         split ? with_moments(adamw<SplitParameters, SingleMoments>,
                              adamw<SplitParameters, HalfMoments>)
               : with_moments(adamw<SingleParameters, SingleMoments>,
                              adamw<SingleParameters, HalfMoments>),
         {.blocks = list.chunks(), .threads = kThreads, .shared_bytes = sizeof(int)},
         context.stream, list.on_device(op.kName, context), factors);
}

LEIA_CUDA_EXECUTION(AdamW)

}  // namespace leia
