// What went wrong on a stream, and which memory it left without right values. Work that fails, or
// is skipped because something it reads is poisoned, poisons what it should have written; work that
// succeeds makes what it wrote wholly sound again. So an error follows the data: whoever reads data
// that depends on it gets that error, and nobody else does.
//
// Only the thread that keeps a stream's account touches any of this, in the order of the stream,
// unless noted. While nothing is poisoned, it costs the comparison of one number.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace leia {

// One error of a stream. Work that was skipped because of it has no error of its own.
struct Failure {
  Failure(std::exception_ptr what, int64_t place) : error(std::move(what)), number(place) {}

  const std::exception_ptr error;
  const int64_t number;        // the first of a stream has the least
  bool is_handed_out = false;  // to a synchronisation or to the reader of what it poisoned
  // Whether JavaScript has got it: a promise was rejected with it or an exception thrown. Set by
  // the thread that does so.
  std::atomic<bool> is_told{false};
};
using FailurePtr = std::shared_ptr<Failure>;

// Which bytes of one storage are poisoned, and by what.
class Poison {
 public:
  // Counts itself in `poisoned` while any byte is.
  explicit Poison(std::atomic<int64_t>& poisoned) : poisoned_(poisoned) {}
  ~Poison();  // from any thread
  Poison(const Poison&) = delete;
  Poison& operator=(const Poison&) = delete;

  // The first failure that one of these bytes depends on; nullptr if all are sound.
  FailurePtr cause(int64_t begin, int64_t end) const;
  void put(int64_t begin, int64_t end, const FailurePtr& cause);
  void clear(int64_t begin, int64_t end);

 private:
  struct Range {
    int64_t begin, end;
    FailurePtr cause;
  };
  void replace(std::vector<Range> ranges);

  std::atomic<int64_t>& poisoned_;
  std::vector<Range> ranges_;  // none overlaps another
};

// Memory as one piece of work uses it. Does not keep the memory alive, as work's account may be
// settled long after its tensors are gone.
struct Operand {
  Operand(const Tensor& tensor, Access use)
      : poison(tensor.storage->poison()),
        begin(tensor.byte_offset),
        end(tensor.byte_offset + static_cast<int64_t>(tensor.bytes())),
        access(use) {}

  std::shared_ptr<Poison> poison;
  int64_t begin, end;
  Access access;
};

// The account of one stream.
class Failures {
 public:
  // The storages that hold poison; from any thread.
  std::atomic<int64_t>& poisoned_storages() { return poisoned_; }
  bool is_anything_poisoned() const { return poisoned_ != 0; }

  // Calls `run`, which does a piece of work or says how it went, unless the work reads poisoned
  // memory. Returns what `run` returns, the failure or nullptr; or the failure for which the work
  // was skipped. `operands` is called only if something is poisoned or fails.
  template <class Operands, class Run>
  FailurePtr account(const Operands& operands, const Run& run) {
    FailurePtr failure;
    if (is_anything_poisoned()) failure = first_cause(operands());
    if (failure == nullptr) failure = run();
    if (failure != nullptr) {
      poison_outputs(operands(), failure);
    } else if (is_anything_poisoned()) {
      clear_outputs(operands());
    }
    return failure;
  }

  FailurePtr add(std::exception_ptr error);
  // Hands out the first failure that nobody was given. Those after it count as told: one call
  // reports one error.
  FailurePtr hand_out_first();
  // Marks a failure as given to the reader of what it poisoned, or to whoever waits for that work
  // alone.
  static void hand_out(const FailurePtr& failure) { failure->is_handed_out = true; }
  // The first failure that JavaScript never got; from any thread, once the stream is idle.
  FailurePtr first_untold() const;

 private:
  static FailurePtr first_cause(const std::vector<Operand>& operands);
  static void poison_outputs(const std::vector<Operand>& operands, const FailurePtr& failure);
  static void clear_outputs(const std::vector<Operand>& operands);

  std::atomic<int64_t> poisoned_{0};
  int64_t count_ = 0;
  std::vector<FailurePtr> untold_;  // in order, with some that were told since
  size_t enough_ = 16;              // length at which those are removed
};

}  // namespace leia
