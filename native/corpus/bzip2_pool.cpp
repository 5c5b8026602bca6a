#include "corpus/bzip2_pool.h"

#include <exception>
#include <system_error>
#include <utility>

#include "core/libstdcxx_floor.h"
#include "corpus/bzip2_block.h"

namespace leia::corpus {

namespace {

// Text needs no more. Blocks of long runs, which would take more memory, are decoded in order.
constexpr size_t kMostBytes = 4 * kMaxBlockSize;

}  // namespace

Bzip2Pool::~Bzip2Pool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Bzip2Pool::add(uint64_t bit, std::vector<uint8_t> input) {
  auto task = std::make_shared<Task>(Task{bit, std::move(input)});
  tasks_.push_back(task);
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(task));
  }
  wake_.notify_one();
  if (workers_.size() < tasks_.size() && workers_.size() + 1 < static_cast<size_t>(threads_)) {
    try {
      workers_.emplace_back([this] { serve(); });
    } catch (const std::system_error&) {
      // The system gives no further thread: those that run, or at least the taker, do the work.
    }
  }
}

std::optional<Bzip2Pool::Block> Bzip2Pool::take(uint64_t bit, BlockDecoder& decoder) {
  std::unique_lock lock(mutex_);
  const auto forget = [this] {
    const std::shared_ptr<Task>& front = tasks_.front();
    if (front->state == State::waiting) std::erase(waiting_, front);
    tasks_.pop_front();
  };
  while (!tasks_.empty() && tasks_.front()->bit < bit) forget();
  if (tasks_.empty() || tasks_.front()->bit != bit) return std::nullopt;
  const std::shared_ptr<Task> task = tasks_.front();
  // No thread has begun with it: the caller decodes it itself instead of waiting.
  const bool untouched = task->state == State::waiting;
  while (!untouched && task->state < State::done) {
    if (waiting_.empty()) {
      finished_.wait(lock);
    } else {
      work(lock, decoder);
    }
  }
  forget();
  if (untouched || task->state == State::failed) return std::nullopt;
  return std::move(task->block);
}

void Bzip2Pool::serve() {
  BlockDecoder decoder;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (stop_) return;
    work(lock, decoder);
  }
}

void Bzip2Pool::work(std::unique_lock<std::mutex>& lock, BlockDecoder& decoder) {
  const std::shared_ptr<Task> task = std::move(waiting_.front());
  waiting_.pop_front();
  task->state = State::running;
  lock.unlock();
  State state = State::done;
  try {
    decode(decoder, *task);
  } catch (const std::exception&) {
    state = State::failed;  // it is no block, or a damaged one: decoding in order reports that
  }
  lock.lock();
  task->state = state;
  finished_.notify_all();
}

void Bzip2Pool::decode(BlockDecoder& decoder, Task& task) {
  const size_t start = task.bit % 8 + kMagicBits;
  BitReader bits(task.input.data(), task.input.size(), start, task.bit / 8);
  task.block.bytes.reserve(kMaxBlockSize + kMaxBlockSize / 8);
  const auto [crc, size] = decoder.read(bits, kMaxBlockSize, task.block.bytes, kMostBytes);
  bits.check();
  task.block.crc = crc;
  task.block.size = size;
  task.block.end = task.bit / 8 * 8 + bits.bit();
  task.input = {};
}

}  // namespace leia::corpus
