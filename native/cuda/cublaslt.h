// The part of cuBLASLt that matrix products need, as a table of functions: filled from the library
// found at run time (cublaslt_library.cpp), or by the emulator's stand-in (emulator/cublaslt.cpp).
// Names, values and layouts are those of cublasLt.h, versions 11 to 13; it is not included because
// building needs no CUDA libraries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "cuda/runtime.h"

namespace leia::cublaslt {

using Status = int;
constexpr Status kSuccess = 0;
constexpr Status kInvalidValue = 7;
constexpr Status kNotSupported = 15;

enum DataType : int { kFloat32 = 0, kBfloat16 = 14 };  // cudaDataType
enum ComputeType : int { kComputeFloat32 = 68 };       // CUBLAS_COMPUTE_32F
enum Transpose : int32_t { kNormal = 0, kTransposed = 1 };
enum DescriptionAttribute : int {
  kTransposeA = 3,   // int32_t, Transpose
  kTransposeB = 4,   // the same
  kEpilogue = 7,     // uint32_t, Epilogue
  kBiasPointer = 8,  // const void*: as many values as D has rows, of D's type
};
enum Epilogue : uint32_t { kNoEpilogue = 1, kBiasEpilogue = 4 };
enum LayoutAttribute : int {
  kBatchCount = 5,   // int32_t
  kBatchStride = 6,  // int64_t, in elements
};
enum PreferenceAttribute : int {
  kMaxWorkspaceBytes = 1,  // uint64_t
  kReductionSchemes = 3,   // uint32_t mask
  kMinAlignmentA = 5,      // uint32_t, bytes; B, C, D follow
};
// Split-K sums that are kept in float32 and added in a fixed order. "In place" (1) is left out, and
// "output type" (4), which would round each part of a bfloat16 product to bfloat16.
constexpr uint32_t kOrderedReductions = 2;

using Handle = struct HandleOpaque*;
using Description = struct DescriptionOpaque*;
using Layout = struct LayoutOpaque*;
using Preference = struct PreferenceOpaque*;

struct Algorithm {
  uint64_t data[8];
};

struct HeuristicResult {
  Algorithm algorithm;
  size_t workspace_bytes;
  Status state;
  float waves;
  int reserved[4];
};
static_assert(sizeof(HeuristicResult) == 96);

struct Library {
  std::string path;  // where it was found
  size_t (*get_version)();
  const char* (*get_status_string)(Status);
  Status (*create)(Handle*);
  Status (*destroy)(Handle);
  Status (*matmul_description_create)(Description*, ComputeType, DataType scale);
  Status (*matmul_description_destroy)(Description);
  Status (*matmul_description_set_attribute)(Description, DescriptionAttribute, const void*,
                                             size_t);
  Status (*matrix_layout_create)(Layout*, DataType, uint64_t rows, uint64_t columns, int64_t ld);
  Status (*matrix_layout_destroy)(Layout);
  Status (*matrix_layout_set_attribute)(Layout, LayoutAttribute, const void*, size_t);
  Status (*matmul_preference_create)(Preference*);
  Status (*matmul_preference_destroy)(Preference);
  Status (*matmul_preference_set_attribute)(Preference, PreferenceAttribute, const void*, size_t);
  Status (*matmul_get_heuristic)(Handle, Description, Layout a, Layout b, Layout c, Layout d,
                                 Preference, int wanted, HeuristicResult*, int* found);
  // D = alpha op(A) op(B) + beta C, all column-major.
  Status (*matmul)(Handle, Description, const void* alpha, const void* a, Layout, const void* b,
                   Layout, const void* beta, const void* c, Layout, void* d, Layout,
                   const Algorithm*, void* workspace, size_t workspace_bytes, gpu::Stream);
};

// The one on this machine, found and opened at first use: with a GPU the first that works with its
// driver, without one the first that has all functions. Throws "unavailable" with where it was
// looked for, what was wrong with what was found, and how to get it.
const Library& installed_library(bool on_gpu);

// What this build computes with: the installed one, or the emulator's stand-in.
const Library& library();

}  // namespace leia::cublaslt
