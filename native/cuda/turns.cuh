// Blocks of a grid that take turns, so that what they add to the same sums is added in the same
// order every time. A block draws a ticket when it starts, and waits only for blocks with a lower
// one: those have started before it, whatever order the GPU starts blocks in, so that the wait
// ends.
#pragma once

#include "cuda/vector.cuh"

#if defined(__CUDACC__)
// Ends the kernel with a message that names the block, as assert() does (PTX Writer's Guide to
// Interoperability, "System Calls"); <cassert> declares nothing where NDEBUG is defined.
extern "C" __device__ void __assertfail(const char* message, const char* file, unsigned int line,
                                        const char* function, size_t char_size);
#else
#include <chrono>
#include <ctime>
#include <thread>
#endif

namespace leia {

#if !defined(__CUDACC__)
// How much processor time the calling thread has used. On a busy machine, time on the clock also
// passes for threads that do not run.
inline std::chrono::nanoseconds processor_time() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}
#endif

// Returns how many blocks have drawn a ticket from this counter before. By one thread of a block.
LEIA_DEVICE uint32_t take_ticket(Global<uint32_t> counter LEIA_WHERE) {
#if defined(__CUDACC__)
  return atomicAdd(counter.address(0), 1u);
#else
  return std::atomic_ref<uint32_t>(*counter.address(0, sizeof(uint32_t), where)).fetch_add(1);
#endif
}

// How often await_turn() looks before it gives up: it looks about once a microsecond, so a minute.
// 0 stands for 2^32 times, more than an hour.
constexpr uint32_t kMinuteOfPolls = 1u << 26;

// Waits until words[i] is `turn`. By one thread, before a barrier: the block's loads behind it see
// what was stored before the turn was passed. A turn that does not come ends the kernel with a
// message, on a GPU after most_polls looks, on the emulator after emulator::longest_turn of the
// thread's own processor time.
LEIA_DEVICE void await_turn(Global<uint32_t> words, int64_t i, uint32_t turn,
                            [[maybe_unused]] uint32_t most_polls LEIA_WHERE) {
#if defined(__CUDACC__)
  uint32_t value;
  do {
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];"
                 : "=r"(value)
                 : "l"(words.address(i))
                 : "memory");
    if (value == turn) return;
    __nanosleep(32);
  } while (--most_polls != 0);
  __assertfail("a block's turn does not come", __FILE__, __LINE__, "await_turn", 1);
#else
  const std::atomic_ref<uint32_t> word(*words.address(i, sizeof(uint32_t), where));
  // The blocks it waits for run on other threads of the host, or never will.
  const auto end = processor_time() + emulator::longest_turn;
  while (word.load(std::memory_order_acquire) != turn) {
    if (processor_time() > end) {
      throw emulator::Fault(where,
                            text("turn ", turn, " does not come: word ", i, " is ", word.load()));
    }
    std::this_thread::yield();
  }
#endif
}

// Passes the turn on: who waits for it sees what the block stored before its last barrier. By one
// thread.
LEIA_DEVICE void pass_turn(Global<uint32_t> words, int64_t i, uint32_t turn LEIA_WHERE) {
#if defined(__CUDACC__)
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(words.address(i)), "r"(turn) : "memory");
#else
  std::atomic_ref<uint32_t>(*words.address(i, sizeof(uint32_t), where))
      .store(turn, std::memory_order_release);
#endif
}

// Four floats that other blocks have written in this launch, past the L1 cache, which may hold what
// was there before.
LEIA_DEVICE Pack<float, 4> load_shared_sums(Global<float> sums, int64_t i LEIA_WHERE) {
#if defined(__CUDACC__)
  const float4 value = __ldcg(reinterpret_cast<const float4*>(sums.address(i)));
  return {{value.x, value.y, value.z, value.w}};
#else
  return sums.load_vector<Pack<float, 4> >(i, where);
#endif
}

LEIA_DEVICE void store_shared_sums(Global<float> sums, int64_t i, Pack<float, 4> value LEIA_WHERE) {
#if defined(__CUDACC__)
  __stcg(reinterpret_cast<float4*>(sums.address(i)),
         make_float4(value.values[0], value.values[1], value.values[2], value.values[3]));
#else
  sums.store_vector(i, value, where);
#endif
}

}  // namespace leia
