// A fiber is a function with a stack of its own that can stop in the middle and be resumed: one
// emulated GPU thread. All fibers of a block run on one thread of the host, so a switch is a dozen
// instructions.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace leia::emulator {

class Fiber {
 public:
  using Body = void (*)(void* argument);

  // The stack comes with a page below it that may not be touched, so an overflow is a fault at
  // once.
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // The next resume() begins body(argument). What the fiber was in the middle of is forgotten:
  // nothing on its stack is destroyed. The body must not throw.
  void start(Body body, void* argument);
  // Runs the fiber until it yields or its body returns.
  void resume();
  // Called on the fiber: back to who resumed it.
  void yield();

 private:
  void enter();
  static void entry();

  std::byte* memory_;
  Body body_ = nullptr;
  void* argument_ = nullptr;
#if defined(__x86_64__)
  void* own_ = nullptr;     // stack pointer while not running
  void* caller_ = nullptr;  // that of who resumed it
#else
  ucontext_t own_, caller_;
#endif
  // What AddressSanitizer wants to know of both stacks.
  void* own_fake_stack_ = nullptr;
  void* caller_fake_stack_ = nullptr;
  const void* caller_bottom_ = nullptr;
  size_t caller_size_ = 0;
};

}  // namespace leia::emulator
