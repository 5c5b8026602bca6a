// Threads that decode blocks of bzip2 before their turn comes. A block begins with a 48-bit magic
// at any bit. Data may contain the magic by chance, so what is decoded here is a guess; the reader
// of the file asks for the blocks that are really there.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace leia::corpus {

class BlockDecoder;

class Bzip2Pool {
 public:
  struct Block {
    uint64_t end;  // bit of the file after the block
    uint32_t crc;
    size_t size;  // before run lengths
    std::vector<uint8_t> bytes;
  };

  // `threads` threads decode; the one that takes the blocks is one of them.
  explicit Bzip2Pool(int threads) : threads_(threads) {}
  ~Bzip2Pool();
  Bzip2Pool(const Bzip2Pool&) = delete;
  Bzip2Pool& operator=(const Bzip2Pool&) = delete;

  int threads() const { return threads_; }
  // Whether more blocks may be added: memory is bounded by a few blocks a thread.
  bool has_room() const { return tasks_.size() < 3 * static_cast<size_t>(threads_); }

  // Adds the block that seems to begin at bit `bit` of the file, after the ones added before.
  // `input` holds it, its first bit is bit `bit % 8` of the first byte.
  void add(uint64_t bit, std::vector<uint8_t> input);

  // The block that begins at this bit, once it is decoded; none if it was never added, no thread
  // has begun with it, or it is damaged. Decodes others while it waits. Drops all blocks before it.
  std::optional<Block> take(uint64_t bit, BlockDecoder& decoder);

 private:
  enum class State : uint8_t { waiting, running, done, failed };
  struct Task {
    uint64_t bit;
    std::vector<uint8_t> input;
    State state = State::waiting;
    Block block = {};
  };

  void serve();
  // Decodes the first block that waits, without holding the lock meanwhile.
  void work(std::unique_lock<std::mutex>& lock, BlockDecoder& decoder);
  static void decode(BlockDecoder& decoder, Task& task);

  const int threads_;
  std::deque<std::shared_ptr<Task>> tasks_;    // in the order of the file; of one thread
  std::deque<std::shared_ptr<Task>> waiting_;  // guarded by the lock, as are the states
  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  bool stop_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace leia::corpus
