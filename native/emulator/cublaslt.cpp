// Stands in for cuBLASLt where there is none, with plain loops behind the same functions: the code
// that calls them is what is tested. It is stricter than the library: every promise that the caller
// makes (sizes, leading dimensions, alignments, workspace) is checked when the product is queued.
#include "cuda/cublaslt.h"

#include <cstring>
#include <vector>

#include "core/dtype.h"
#include "cpu/thread_pool.h"
#include "emulator/launch.h"

namespace leia::cublaslt {

struct HandleOpaque {};

struct DescriptionOpaque {
  int32_t transpose_a = kNormal, transpose_b = kNormal;
  uint32_t epilogue = kNoEpilogue;
  const void* bias = nullptr;

  bool adds_bias() const { return epilogue == kBiasEpilogue; }
};

struct LayoutOpaque {
  DataType type;
  uint64_t rows, columns;
  int64_t ld;
  int32_t batch = 1;
  int64_t batch_stride = 0;

  // Where matrix i of the batch begins, in bytes.
  size_t item(uint64_t i) const { return static_cast<size_t>(batch_stride) * i * element_bytes(); }
  size_t element_bytes() const { return type == kBfloat16 ? 2 : 4; }
  // Of the element in row i and column j.
  size_t offset(uint64_t i, uint64_t j) const {
    return (i + j * static_cast<uint64_t>(ld)) * element_bytes();
  }
};

struct PreferenceOpaque {
  uint64_t workspace_bytes = 0;
  uint32_t reductions = 7;
  uint32_t alignments[4] = {256, 256, 256, 256};
};

namespace {

// What a plan was made for. It is kept in the algorithm, where the library keeps its own data.
struct Promise {
  uint32_t alignments[4];
  uint32_t bias_alignment;
  uint64_t workspace_bytes;
  uint64_t magic;
};
static_assert(sizeof(Promise) <= sizeof(Algorithm));
constexpr uint64_t kMagic = 0x6c656961'6d6d706c;

float load(const LayoutOpaque& layout, const void* data, uint64_t i, uint64_t j) {
  const auto* at = static_cast<const std::byte*>(data) + layout.offset(i, j);
  if (layout.type == kBfloat16) {
    bfloat16 value;
    std::memcpy(&value, at, sizeof(value));
    return to_float(value);
  }
  float value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

void store(const LayoutOpaque& layout, void* data, uint64_t i, uint64_t j, float value) {
  auto* at = static_cast<std::byte*>(data) + layout.offset(i, j);
  if (layout.type == kBfloat16) {
    const bfloat16 rounded = to_bfloat16(value);
    std::memcpy(at, &rounded, sizeof(rounded));
  } else {
    std::memcpy(at, &value, sizeof(value));
  }
}

uint64_t operand_rows(const LayoutOpaque& layout, int32_t transpose) {
  return transpose == kTransposed ? layout.columns : layout.rows;
}

uint64_t operand_columns(const LayoutOpaque& layout, int32_t transpose) {
  return transpose == kTransposed ? layout.rows : layout.columns;
}

// Whether the library has a product for these types and sizes.
Status check_problem(const DescriptionOpaque& description, const LayoutOpaque& a,
                     const LayoutOpaque& b, const LayoutOpaque& c, const LayoutOpaque& d) {
  const uint64_t m = operand_rows(a, description.transpose_a);
  const uint64_t k = operand_columns(a, description.transpose_a);
  const uint64_t n = operand_columns(b, description.transpose_b);
  const bool fits = operand_rows(b, description.transpose_b) == k && c.rows == m && d.rows == m &&
                    c.columns == n && d.columns == n && c.type == d.type && m > 0 && n > 0 &&
                    k > 0 && a.batch == d.batch && b.batch == d.batch && c.batch == d.batch;
  if (!fits) return kInvalidValue;
  const bool types = a.type == b.type && (d.type == a.type || d.type == kFloat32);
  return types ? kSuccess : kNotSupported;
}

// The largest power of two, up to 256, that an address is a multiple of.
uint32_t alignment_of(const void* data) {
  uint32_t bytes = 256;
  while (reinterpret_cast<uintptr_t>(data) % bytes != 0) bytes /= 2;
  return bytes;
}

bool is_aligned(const void* data, uint32_t bytes) {
  return reinterpret_cast<uintptr_t>(data) % bytes == 0;
}

Status create(Handle* handle) {
  *handle = new HandleOpaque();
  return kSuccess;
}

template <class Opaque>
Status destroy(Opaque* opaque) {
  delete opaque;
  return kSuccess;
}

Status description_create(Description* description, ComputeType compute, DataType scale) {
  if (compute != kComputeFloat32 || scale != kFloat32) return kNotSupported;
  *description = new DescriptionOpaque();
  return kSuccess;
}

Status description_set(Description description, DescriptionAttribute attribute, const void* value,
                       size_t bytes) {
  if (attribute == kBiasPointer && bytes == sizeof(description->bias)) {
    std::memcpy(&description->bias, value, bytes);
    return kSuccess;
  }
  if (bytes != sizeof(int32_t)) return kInvalidValue;
  if (attribute == kEpilogue) {
    std::memcpy(&description->epilogue, value, bytes);
    const bool known = description->epilogue == kNoEpilogue || description->adds_bias();
    return known ? kSuccess : kInvalidValue;
  }
  int32_t transpose;
  std::memcpy(&transpose, value, bytes);
  if (transpose != kNormal && transpose != kTransposed) return kInvalidValue;
  if (attribute != kTransposeA && attribute != kTransposeB) return kInvalidValue;
  (attribute == kTransposeA ? description->transpose_a : description->transpose_b) = transpose;
  return kSuccess;
}

Status layout_create(Layout* layout, DataType type, uint64_t rows, uint64_t columns, int64_t ld) {
  if (rows == 0 || columns == 0 || ld < static_cast<int64_t>(rows)) return kInvalidValue;
  *layout = new LayoutOpaque{.type = type, .rows = rows, .columns = columns, .ld = ld};
  return kSuccess;
}

Status layout_set(Layout layout, LayoutAttribute attribute, const void* value, size_t bytes) {
  if (attribute == kBatchCount && bytes == sizeof(layout->batch)) {
    std::memcpy(&layout->batch, value, bytes);
    return layout->batch > 0 ? kSuccess : kInvalidValue;
  }
  if (attribute == kBatchStride && bytes == sizeof(layout->batch_stride)) {
    std::memcpy(&layout->batch_stride, value, bytes);
    return kSuccess;
  }
  return kInvalidValue;
}

Status preference_create(Preference* preference) {
  *preference = new PreferenceOpaque();
  return kSuccess;
}

Status preference_set(Preference preference, PreferenceAttribute attribute, const void* value,
                      size_t bytes) {
  void* target = nullptr;
  size_t expected = sizeof(uint32_t);
  if (attribute == kMaxWorkspaceBytes) {
    target = &preference->workspace_bytes;
    expected = sizeof(uint64_t);
  } else if (attribute == kReductionSchemes) {
    target = &preference->reductions;
  } else if (attribute >= kMinAlignmentA && attribute < kMinAlignmentA + 4) {
    target = &preference->alignments[attribute - kMinAlignmentA];
  }
  if (target == nullptr || bytes != expected) return kInvalidValue;
  std::memcpy(target, value, bytes);
  return kSuccess;
}

Status get_heuristic(Handle handle, Description description, Layout a, Layout b, Layout c, Layout d,
                     Preference preference, int wanted, HeuristicResult* results, int* found) {
  *found = 0;
  if (handle == nullptr || wanted < 1) return kInvalidValue;
  const Status status = check_problem(*description, *a, *b, *c, *d);
  if (status != kSuccess) return status;
  // The library may choose a kernel that reads 16 bytes of any bias.
  if (description->adds_bias() && alignment_of(description->bias) < 16) return kInvalidValue;
  // LEIA_EMULATOR_NO_BIAS=1: there is no algorithm that adds a bias.
  if (description->adds_bias() && is_set("LEIA_EMULATOR_NO_BIAS")) return kNotSupported;
  Promise promise{{}, alignment_of(description->bias), preference->workspace_bytes / 2, kMagic};
  std::memcpy(promise.alignments, preference->alignments, sizeof(promise.alignments));
  *results = {};
  std::memcpy(&results->algorithm, &promise, sizeof(promise));
  results->workspace_bytes = promise.workspace_bytes;
  // LEIA_EMULATOR_NO_ALGORITHM=1: gives an algorithm that does not fit and says so, as the library
  // may.
  results->state = is_set("LEIA_EMULATOR_NO_ALGORITHM") ? kNotSupported : kSuccess;
  *found = 1;
  return kSuccess;
}

Status matmul(Handle handle, Description description, const void* alpha, const void* a,
              Layout a_layout, const void* b, Layout b_layout, const void* beta, const void* c,
              Layout c_layout, void* d, Layout d_layout, const Algorithm* algorithm,
              void* workspace, size_t workspace_bytes, gpu::Stream stream) {
  Promise promise;
  std::memcpy(&promise, algorithm, sizeof(promise));
  const Status status = check_problem(*description, *a_layout, *b_layout, *c_layout, *d_layout);
  if (status != kSuccess) return status;
  const bool kept = handle != nullptr && promise.magic == kMagic && workspace != nullptr &&
                    workspace_bytes >= promise.workspace_bytes &&
                    is_aligned(a, promise.alignments[0]) && is_aligned(b, promise.alignments[1]) &&
                    is_aligned(c, promise.alignments[2]) && is_aligned(d, promise.alignments[3]);
  if (!kept) return kInvalidValue;
  const void* bias = description->bias;
  if (description->adds_bias() && (bias == nullptr || !is_aligned(bias, promise.bias_alignment))) {
    return kInvalidValue;
  }
  float scale, keep;
  std::memcpy(&scale, alpha, sizeof(scale));
  std::memcpy(&keep, beta, sizeof(keep));
  const bool adds_bias = description->adds_bias();
  const bool transpose_a = description->transpose_a == kTransposed;
  const bool transpose_b = description->transpose_b == kTransposed;
  const auto column = [=, a_layout = *a_layout, b_layout = *b_layout, c_layout = *c_layout,
                       d_layout = *d_layout](uint64_t task) {
    const uint64_t rows = d_layout.rows;
    const uint64_t item = task / d_layout.columns, j = task % d_layout.columns;
    const auto* left_matrix = static_cast<const std::byte*>(a) + a_layout.item(item);
    const auto* right_matrix = static_cast<const std::byte*>(b) + b_layout.item(item);
    const auto* before_matrix = static_cast<const std::byte*>(c) + c_layout.item(item);
    auto* result = static_cast<std::byte*>(d) + d_layout.item(item);
    const uint64_t depth = transpose_a ? a_layout.rows : a_layout.columns;
    std::vector<float> sums(rows, 0.0f);
    for (uint64_t l = 0; l < depth; ++l) {
      const float right =
          transpose_b ? load(b_layout, right_matrix, j, l) : load(b_layout, right_matrix, l, j);
      for (uint64_t i = 0; i < rows; ++i) {
        sums[i] += right * (transpose_a ? load(a_layout, left_matrix, l, i)
                                        : load(a_layout, left_matrix, i, l));
      }
    }
    for (uint64_t i = 0; i < rows; ++i) {
      const float before = keep == 0 ? 0 : keep * load(c_layout, before_matrix, i, j);
      const float added = adds_bias ? load(d_layout, bias, i, 0) : 0;
      store(d_layout, result, i, j, scale * sums[i] + before + added);
    }
  };
  const auto columns = static_cast<int64_t>(d_layout->columns) * d_layout->batch;
  emulator::queue(stream, [column, columns] {
    ThreadPool::shared().parallel_for(columns,
                                      [&](int64_t j) { column(static_cast<uint64_t>(j)); });
  });
  return kSuccess;
}

const char* status_string(Status status) {
  return status == kInvalidValue ? "an invalid value" : "not supported";
}

}  // namespace

const Library& library() {
  static const Library stand_in{
      "the emulator",
      [] { return size_t{0}; },
      status_string,
      create,
      destroy<HandleOpaque>,
      description_create,
      destroy<DescriptionOpaque>,
      description_set,
      layout_create,
      destroy<LayoutOpaque>,
      layout_set,
      preference_create,
      destroy<PreferenceOpaque>,
      preference_set,
      get_heuristic,
      matmul,
  };
  return stand_in;
}

}  // namespace leia::cublaslt
