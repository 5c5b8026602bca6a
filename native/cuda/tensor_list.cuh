// One launch over the elements of many tensors. They are cut into chunks, numbered through all
// tensors, and every block works on one chunk. What a block must know of its tensor lies in a table
// in device memory that small kernels fill from their arguments: so it takes its turn in the
// stream, no host memory has to be kept for it, and a captured graph holds it.
#pragma once

#include <vector>

#include "cuda/context.cuh"

namespace leia {

// Values as a kernel's argument: together with the other arguments, less than 4 KiB.
template <class T>
struct Batch {
  static constexpr int kCount = 3072 / static_cast<int>(sizeof(T));
  T values[kCount];
};

template <class T>
__global__ void store_batch(Batch<T> batch, Global<T> to, int64_t first, int count) {
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) {
    to.store(first + i, batch.values[i]);
  }
}

// The values in device memory until the operation's kernels are done.
template <class T>
Global<const T> on_device(const char* name, const std::vector<T>& values, CudaContext& context) {
  const auto total = static_cast<int64_t>(values.size());
  const Global<T> copy = context.scratch<T>(total);
  for (int64_t first = 0; first < total; first += Batch<T>::kCount) {
    const auto count = static_cast<int>(std::min<int64_t>(Batch<T>::kCount, total - first));
    Batch<T> batch{};
    std::copy_n(values.begin() + first, count, batch.values);
    launch(name, store_batch<T>, {.threads = 2 * kWarpSize}, context.stream, batch, copy, first,
           count);
  }
  return copy.read_only();
}

// The tensors' numbers and, on the device, the chunk that each begins with; Entry is what the
// kernel knows of a tensor.
template <class Entry>
struct TensorList {
  Global<const uint32_t> first_chunks;  // ascending; one more, the number of all chunks
  Global<const Entry> entries;
  int count;
};

template <class Entry>
class TensorListBuilder {
 public:
  explicit TensorListBuilder(int64_t chunk) : chunk_(chunk) {}

  // Tensors without elements have no chunk, and no entry.
  void add(int64_t elements, const Entry& entry) {
    if (elements == 0) return;
    entries_.push_back(entry);
    first_chunks_.push_back(first_chunks_.back() +
                            static_cast<uint32_t>((elements + chunk_ - 1) / chunk_));
  }
  uint32_t chunks() const { return first_chunks_.back(); }
  TensorList<Entry> on_device(const char* name, CudaContext& context) const {
    return {leia::on_device(name, first_chunks_, context), leia::on_device(name, entries_, context),
            static_cast<int>(entries_.size())};
  }

 private:
  int64_t chunk_;
  std::vector<uint32_t> first_chunks_ = {0};
  std::vector<Entry> entries_;
};

// Which tensor the block's chunk is of, and which of its chunks.
struct ChunkOfTensor {
  int tensor;
  uint32_t chunk;
};

// Every thread of the block asks. All tensors are looked at at once, so this costs the latency of a
// load rather than a search's. `found` has room for one number.
template <class Entry>
LEIA_DEVICE ChunkOfTensor chunk_of_block(const TensorList<Entry>& list, Shared<int> found) {
  for (int i = static_cast<int>(threadIdx.x); i < list.count; i += static_cast<int>(blockDim.x)) {
    if (list.first_chunks.load(i) <= blockIdx.x && blockIdx.x < list.first_chunks.load(i + 1)) {
      found.store(0, i);
    }
  }
  sync_threads();
  const int tensor = found.load(0);
  return {tensor, blockIdx.x - list.first_chunks.load(tensor)};
}

}  // namespace leia
