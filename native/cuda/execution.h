// What a CUDA device gives the execution of an operation: its stream, scratch memory, words to
// report errors with, and matrix products. Host code; kernels see it as CudaContext (context.cuh).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/device.h"
#include "cuda/caching_allocator.h"
#include "cuda/runtime.h"

namespace leia {

class MatmulPlans;

// Memory for the duration of one operation. As the stream runs one operation after the other, the
// next one may take the same bytes. Blocks are kept, for a captured graph may use them again.
class CudaScratch {
 public:
  explicit CudaScratch(CachingAllocator& allocator) : allocator_(allocator) {}
  ~CudaScratch();
  // Uninitialised, aligned to 256 bytes.
  void* take(size_t bytes);
  // For the next operation.
  void reset() { block_ = used_ = 0; }

 private:
  struct Block {
    void* data;
    size_t bytes;
  };
  CachingAllocator& allocator_;
  std::vector<Block> blocks_;
  size_t block_ = 0, used_ = 0;
};

// 64-bit words in device memory with which kernels say that an input was bad: all ones, or the
// least of what kernels put there (position << 32 | value). They are read at the next
// synchronisation.
class ErrorWords {
 public:
  using Message = std::function<std::string(int64_t position, int32_t value)>;

  ErrorWords(CachingAllocator& allocator, gpu::Stream stream);
  ~ErrorWords();

  // A word of the operation whose kernels run next on the stream.
  uint64_t* take(Message message);
  // How many were taken since the last read().
  size_t count() const { return messages_.size(); }
  // Whether take() has no word left before the next read().
  bool is_full() const { return messages_.size() == kCount; }
  bool is_empty() const { return messages_.empty(); }

  static constexpr size_t kCount = 1024;

  // Words on their way to the host, in pinned memory, valid once the stream is past the read.
  struct Reading {
    std::vector<Message> messages;
    std::shared_ptr<std::byte> words;

    // The message of the first word in [first, last) that is set, or empty.
    std::string error(size_t first, size_t last) const;
  };
  // Queues a copy of the words to `to`, and then their clearing. With `keep`, the messages stay,
  // for kernels that will run again.
  Reading read(std::shared_ptr<std::byte> to, bool keep);

 private:
  CachingAllocator& allocator_;
  gpu::Stream stream_;
  uint64_t* words_;
  std::vector<Message> messages_;
};

struct CudaExecution : ExecutionContext {
  const WorkPtr& work;  // that is executed now
  gpu::Stream stream;
  CudaScratch& scratch;
  ErrorWords& errors;
  MatmulPlans& matmul;
  const gpu::Limits& limits;
};

}  // namespace leia
