#include "emulator/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(__x86_64__)
// Saves what a called function must preserve, changes stacks, restores. (System V ABI; the control
// words of floating point are the same on all fibers.)
asm(R"(
.text
.hidden leia_switch_stack
.type leia_switch_stack, @function
leia_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size leia_switch_stack, .-leia_switch_stack
)");
extern "C" void leia_switch_stack(void** save, void* load);
#endif

namespace leia::emulator {

namespace {

constexpr size_t kPage = 4096;
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kStack = 64 * kPage;  // its frames are larger
#else
constexpr size_t kStack = 24 * kPage;
#endif

thread_local Fiber* starting = nullptr;

}  // namespace

Fiber::Fiber() {
  void* memory =
      mmap(nullptr, kPage + kStack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<std::byte*>(memory);
  mprotect(memory_ + kPage, kStack, PROT_READ | PROT_WRITE);
}

Fiber::~Fiber() {
  munmap(memory_, kPage + kStack);
}

void Fiber::start(Body body, void* argument) {
  body_ = body;
  argument_ = argument;
  own_fake_stack_ = nullptr;
#if defined(__SANITIZE_ADDRESS__)
  // What was on the stack of a fiber that was left in the middle is still marked.
  __asan_unpoison_memory_region(memory_ + kPage, kStack);
#endif
#if defined(__x86_64__)
  // As if leia_switch_stack had been called by entry's caller: six registers, then where to return
  // to.
  auto** top = reinterpret_cast<void**>(memory_ + kPage + kStack);
  top[-1] = nullptr;
  top[-2] = reinterpret_cast<void*>(&Fiber::entry);
  std::memset(top - 8, 0, 6 * sizeof(void*));
  own_ = top - 8;
#else
  getcontext(&own_);
  own_.uc_stack.ss_sp = memory_ + kPage;
  own_.uc_stack.ss_size = kStack;
  own_.uc_link = nullptr;
  makecontext(&own_, &Fiber::entry, 0);
#endif
}

void Fiber::resume() {
  starting = this;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&caller_fake_stack_, memory_ + kPage, kStack);
#endif
#if defined(__x86_64__)
  leia_switch_stack(&caller_, own_);
#else
  swapcontext(&caller_, &own_);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(caller_fake_stack_, nullptr, nullptr);
#endif
}

void Fiber::yield() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&own_fake_stack_, caller_bottom_, caller_size_);
#endif
#if defined(__x86_64__)
  leia_switch_stack(&own_, caller_);
#else
  swapcontext(&own_, &caller_);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(own_fake_stack_, &caller_bottom_, &caller_size_);
#endif
}

void Fiber::entry() {
  starting->enter();
}

void Fiber::enter() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &caller_bottom_, &caller_size_);
#endif
  body_(argument_);
  // Nobody resumes a fiber whose body has returned.
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(nullptr, caller_bottom_, caller_size_);
#endif
#if defined(__x86_64__)
  leia_switch_stack(&own_, caller_);
#else
  setcontext(&caller_);
#endif
  __builtin_unreachable();
}

}  // namespace leia::emulator
