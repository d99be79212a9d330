#include "emulation/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#include "emulation/sanitizer.h"

#if defined(__x86_64__)
// Saves the registers that a function keeps, and takes up the other stack where it was left. The processor would expect
// a `ret` to return to where this was called from; a jump it predicts by where it went before.
extern "C" void fastgrad_switch_stack(void** left, void* taken);
asm(R"(
.text
.hidden fastgrad_switch_stack
.globl fastgrad_switch_stack
.type fastgrad_switch_stack, @function
fastgrad_switch_stack:
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
  popq %rcx
  jmp *%rcx
.size fastgrad_switch_stack, .-fastgrad_switch_stack
)");
#endif

namespace fastgrad::emulation {
namespace {

constexpr std::size_t guard = 4096, stack_size = address_sanitizer ? 256 * 1024 : 64 * 1024;

Fiber *departed = nullptr, *arrived = nullptr;  // of the last switch

}  // namespace

Fiber::~Fiber() {
  if (memory_ != nullptr) munmap(memory_, guard + stack_size);
}

void Fiber::reset(void (*entry)()) {
  if (memory_ == nullptr) {
    void* memory = mmap(nullptr, guard + stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    mprotect(memory, guard, PROT_NONE);
    memory_ = static_cast<char*>(memory);
  }
  entry_ = entry;
  stack_bottom_ = memory_ + guard;
  stack_size_ = stack_size;
  fake_stack_ = nullptr;
  unpoison(stack_bottom_, stack_size_);
#if defined(__x86_64__)
  // Stacks begin at different places in their pages, or their tops would share a few sets of the cache.
  const std::size_t shift = reinterpret_cast<std::uintptr_t>(memory_) / (guard + stack_size) % 16 * 192;
  auto** top = reinterpret_cast<void**>(memory_ + guard + stack_size - 56 - shift);
  // As a call would leave it: a place to return to (never used) on a stack that is aligned above it.
  top[0] = nullptr;
  top[-1] = reinterpret_cast<void*>(&Fiber::start);
  stack_pointer_ = top - 7;
#else
  getcontext(&context_);
  context_.uc_stack.ss_sp = memory_ + guard;
  context_.uc_stack.ss_size = stack_size;
  context_.uc_link = nullptr;
  makecontext(&context_, &Fiber::start, 0);
#endif
}

void Fiber::switch_to(Fiber& other) {
  departed = this;
  arrived = &other;
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(&fake_stack_, other.stack_bottom_, other.stack_size_);
#endif
#if defined(__x86_64__)
  fastgrad_switch_stack(&stack_pointer_, other.stack_pointer_);
#else
  swapcontext(&context_, &other.context_);
#endif
  arrive();
}

void Fiber::start() {
  Fiber& self = *arrived;
  self.arrive();
  self.entry_();
}

// The scheduler's stack is that of whichever thread runs it, so its bounds are noted at each departure.
void Fiber::arrive() {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(fake_stack_, &departed->stack_bottom_, &departed->stack_size_);
#endif
}

}  // namespace fastgrad::emulation
