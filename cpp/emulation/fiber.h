// Fibers: stacks that one thread switches between, by a few instructions and no system call.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace fastgrad::emulation {

// What was running when it was left: on a stack of its own, or (the scheduler) on that of the host's thread.
class Fiber {
 public:
  Fiber() = default;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();

  // Makes it begin with `entry`, which must not return, when it is next switched to.
  void reset(void (*entry)());
  // Leaves this fiber, which is running, for another one.
  void switch_to(Fiber& other);

 private:
  static void start();
  void arrive();

  void (*entry_)() = nullptr;
  char* memory_ = nullptr;  // a guard page and the stack; null for the scheduler
#if defined(__x86_64__)
  void* stack_pointer_ = nullptr;
#else
  ucontext_t context_;
#endif
  // For AddressSanitizer: the bounds of the stack, and its own frames on the heap.
  const void* stack_bottom_ = nullptr;
  std::size_t stack_size_ = 0;
  void* fake_stack_ = nullptr;
};

}  // namespace fastgrad::emulation
