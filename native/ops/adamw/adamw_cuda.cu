// One launch for all parameters, one pass: each byte of parameter, state and gradient is read once,
// and what changes is written once. A thread has two groups of elements on their way at a time,
// each read and written 16 bytes at a time.
#include "cuda/tensor_list.cuh"
#include "ops/adamw/adamw_factors.h"

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
  float *first_moment, *second_moment;
  int64_t count;
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

struct Factors {
  AdamWFactors numbers;
  Global<const float> scale;
  bool scaled;
};

// Updates the elements of one parameter from begin to end.
template <class Parameters, int Width>
LEIA_DEVICE void update(const Entry& entry, const AdamWFactors& f, float scale, int64_t begin,
                        int64_t end) {
  const Parameters parameters(entry);
  const Global<const float> gradient(entry.gradient, entry.count);
  const Global<float> first_moment(entry.first_moment, entry.count),
      second_moment(entry.second_moment, entry.count);
  constexpr int64_t kStride = int64_t{kThreads} * Width;
  for (int64_t i = begin + static_cast<int64_t>(threadIdx.x) * Width; i < end;
       i += kGroups * kStride) {
    float g[kGroups][Width], m[kGroups][Width], v[kGroups][Width], p[kGroups][Width];
#pragma unroll
    for (int group = 0; group < kGroups; ++group) {
      const int64_t at = i + group * kStride;
      load_floats(g[group], gradient, at, end);
      load_floats(m[group], first_moment.read_only(), at, end);
      load_floats(v[group], second_moment.read_only(), at, end);
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
      store_floats(first_moment, at, end, m[group]);
      store_floats(second_moment, at, end, v[group]);
      parameters.set(p[group], at, end);
    }
  }
}

template <class Parameters>
__global__ void __launch_bounds__(kThreads) adamw(TensorList<Entry> list, Factors factors) {
  const Shared<int> found(0, 1);
  const ChunkOfTensor own = chunk_of_block(list, found);
  const Entry entry = list.entries.load(own.tensor);
  const float scale = factors.scaled ? factors.scale.load(0) : factors.numbers.scale;
  const int64_t begin = own.chunk * kChunk;
  const int64_t end = begin + kChunk < entry.count ? begin + kChunk : entry.count;
  if (entry.aligned) {
    update<Parameters, kPack<float>>(entry, factors.numbers, scale, begin, end);
  } else {
    update<Parameters, 1>(entry, factors.numbers, scale, begin, end);
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
              .first_moment = op.first_moments[i].data<float>(),
              .second_moment = op.second_moments[i].data<float>(),
              .count = op.parameters[i].elements(),
              .aligned = aligned(op.parameters[i], low_bits, op.gradients[i], op.first_moments[i],
                                 op.second_moments[i])});
  }
  if (list.chunks() == 0) return;
  const bool scaled = static_cast<bool>(op.gradient_scale);
  const Factors factors{AdamWFactors(op),
                        scaled ? input<float>(op.gradient_scale) : Global<const float>(nullptr, 0),
                        scaled};
  launch(op.kName, split ? adamw<SplitParameters> : adamw<SingleParameters>,
         {.blocks = list.chunks(), .threads = kThreads, .shared_bytes = sizeof(int)},
         context.stream, list.on_device(op.kName, context), factors);
}

LEIA_CUDA_EXECUTION(AdamW)

}  // namespace leia
