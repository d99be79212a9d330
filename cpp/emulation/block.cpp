// Blocks run one after the other. A fiber runs thread after thread until one has to wait; then another fiber goes on
// with the threads that have not begun. So threads that never wait cost no switch, and the others two for each wait.
#include "emulation/block.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "emulation/fiber.h"
#include "emulation/sanitizer.h"

namespace fastgrad::emulation {
namespace {

enum class State : std::uint8_t { running, at_barrier, in_warp, ended };

struct Thread {
  Fiber* fiber = nullptr;
  State state = State::running;
  unsigned number = 0;  // in its block
  uint3 index{};
  Exchange exchange = nullptr;  // the operation of the warp that it waits in, and the lanes that take part
  unsigned mask = 0;
};

struct Warp {
  unsigned live = 0, waiting = 0;
  Lane lanes[32];
};

struct Block {
  const std::function<void()>* thread = nullptr;  // runs one thread of the kernel
  unsigned size = 0, begun = 0, live = 0;
  Thread threads[max_threads];
  Warp warps[max_threads / 32];
  // The threads that may go on, in a ring.
  Thread* ready[max_threads];
  unsigned first_ready = 0, last_ready = 0;
  // The barrier: how many wait at it, for which count, and of how many the predicate is true.
  unsigned waiting = 0, predicates = 0;
  Count count = Count::none;
  int barrier_result = 0;
  const char* failure = nullptr;

  void add_ready(Thread& thread) { ready[last_ready++ % max_threads] = &thread; }
};

Block& block = *new Block;
Thread* current = nullptr;
Fiber scheduler;
std::vector<std::unique_ptr<Fiber>> fibers;
std::vector<Fiber*> idle;  // of the fibers: ready to run threads that have not begun

alignas(1024) unsigned char shared_memory[max_shared];

Warp& warp_of(const Thread& thread) { return block.warps[thread.number / 32]; }
unsigned lane_bit(const Thread& thread) { return 1U << thread.number % 32; }

void make_current(Thread& thread) {
  current = &thread;
  threadIdx = thread.index;
}

Fiber& idle_fiber();

// What runs when a thread waits or a fiber has nothing to do: the scheduler when nothing else can.
Fiber& next_fiber() {
  if (block.failure != nullptr) return scheduler;
  if (block.first_ready != block.last_ready) return *block.ready[block.first_ready++ % max_threads]->fiber;
  return block.begun < block.size ? idle_fiber() : scheduler;
}

// Leaves the thread that runs; returns when it is resumed.
void leave_for(Fiber& next) {
  Thread& thread = *current;
  if (&next != thread.fiber) thread.fiber->switch_to(next);
  make_current(thread);
}

void make_ready(Thread& thread) {
  thread.state = State::running;
  if (&thread != current) block.add_ready(thread);
}

int counted(Count count) {
  if (count == Count::any) return block.predicates > 0;
  if (count == Count::all) return block.predicates == block.waiting;
  return static_cast<int>(block.predicates);
}

void open_barrier() {
  block.barrier_result = counted(block.count);
  block.waiting = 0;
  for (unsigned i = 0; i < block.size; ++i) {
    if (block.threads[i].state == State::at_barrier) make_ready(block.threads[i]);
  }
}

// Goes through with the operation that the thread waits in, if all lanes that it needs are there.
void try_exchange(const Thread& thread) {
  Warp& warp = warp_of(thread);
  const unsigned needed = thread.mask & warp.live;
  if ((needed & ~warp.waiting) != 0) return;
  Thread* const first = &block.threads[thread.number / 32 * 32];
  for (unsigned i = 0; i < 32; ++i) {
    if ((needed >> i & 1) == 0) continue;
    if (first[i].mask != thread.mask) return;
    if (first[i].exchange != thread.exchange) fail("lanes of a warp meet in different operations");
  }
  thread.exchange(warp.lanes, needed);
  warp.waiting &= ~needed;
  for (unsigned i = 0; i < 32; ++i) {
    if ((needed >> i & 1) != 0) make_ready(first[i]);
  }
}

// Odd blocks begin with their last thread: a missing barrier shows in one order or the other.
unsigned number_of(unsigned i) { return (blockIdx.x + blockIdx.y + blockIdx.z) % 2 == 0 ? i : block.size - 1 - i; }

void begin_thread(Fiber* fiber) {
  const unsigned number = number_of(block.begun++);
  Thread& thread = block.threads[number];
  thread.fiber = fiber;
  thread.state = State::running;
  make_current(thread);
}

void end_thread() {
  Thread& thread = *current;
  thread.state = State::ended;
  --block.live;
  if (block.waiting > 0 && block.waiting == block.live) open_barrier();
  Warp& warp = warp_of(thread);
  warp.live &= ~lane_bit(thread);
  for (unsigned i = 0; i < 32 && warp.waiting != 0; ++i) {
    if ((warp.waiting >> i & 1) != 0) try_exchange(block.threads[thread.number / 32 * 32 + i]);
  }
}

// A fiber's life. A thread that waits takes its fiber with it; what runs after that is another fiber.
void run_threads() {
  Fiber* const self = idle.back();
  for (;;) {
    idle.pop_back();
    while (block.begun < block.size && block.failure == nullptr) {
      begin_thread(self);
      (*block.thread)();
      end_thread();
    }
    idle.push_back(self);
    self->switch_to(next_fiber());
  }
}

Fiber& idle_fiber() {
  if (idle.empty()) {
    fibers.push_back(std::make_unique<Fiber>());
    fibers.back()->reset(run_threads);
    idle.push_back(fibers.back().get());
  }
  return *idle.back();
}

void number_threads() {
  block.size = blockDim.x * blockDim.y * blockDim.z;
  unsigned number = 0;
  for (unsigned z = 0; z < blockDim.z; ++z) {
    for (unsigned y = 0; y < blockDim.y; ++y) {
      for (unsigned x = 0; x < blockDim.x; ++x, ++number) {
        block.threads[number].number = number;
        block.threads[number].index = {x, y, z};
      }
    }
  }
}

void reset_block() {
  block.begun = block.waiting = block.predicates = 0;
  block.live = block.size;
  for (unsigned begin = 0; begin < block.size; begin += 32) {
    const unsigned lanes = std::min(block.size - begin, 32U);
    block.warps[begin / 32].live = lanes == 32 ? ~0U : (1U << lanes) - 1;
    block.warps[begin / 32].waiting = 0;
  }
}

void run_block() {
  reset_block();
  scheduler.switch_to(next_fiber());
  if (block.live == 0 || block.failure != nullptr) return;
  block.failure = "no thread can go on: not all threads reach the same barrier or operation of the warp";
}

void report(const void* kernel) {
  Dl_info place{};
  dladdr(kernel, &place);
  const auto offset = static_cast<const char*>(kernel) - static_cast<const char*>(place.dli_fbase);
  unsigned states[4] = {};
  for (unsigned i = 0; i < block.begun; ++i) ++states[static_cast<int>(block.threads[number_of(i)].state)];
  std::fprintf(
      stderr,
      "fastgrad: the kernel at %s+0x%zx failed in block (%u, %u, %u): %s. Of %u threads %u have ended, %u wait "
      "at a barrier of the block, %u in an operation of their warp; the last that ran was (%u, %u, %u)\n",
      place.dli_fname == nullptr ? "?" : place.dli_fname, static_cast<std::size_t>(offset), blockIdx.x, blockIdx.y,
      blockIdx.z, block.failure, block.size, states[static_cast<int>(State::ended)],
      states[static_cast<int>(State::at_barrier)], states[static_cast<int>(State::in_warp)], threadIdx.x, threadIdx.y,
      threadIdx.z);
}

// After a failure: the fibers, which hang in their threads, begin anew.
void clear_fibers() {
  idle.clear();
  block.first_ready = block.last_ready;
  for (auto& fiber : fibers) {
    fiber->reset(run_threads);
    idle.push_back(fiber.get());
  }
}

}  // namespace

void fail(const char* reason) {
  block.failure = reason;
  for (;;) current->fiber->switch_to(scheduler);
}

void yield_thread() {
  block.add_ready(*current);
  leave_for(block.begun < block.size ? idle_fiber() : next_fiber());
}

int wait_for_block(Count count, bool predicate) {
  if (block.waiting == 0) {
    block.count = count;
    block.predicates = 0;
  }
  if (block.count != count) fail("threads meet at different kinds of barriers");
  block.predicates += predicate;
  ++block.waiting;
  current->state = State::at_barrier;
  if (block.waiting == block.live) {
    open_barrier();
  } else {
    leave_for(next_fiber());
  }
  return block.barrier_result;
}

std::uint64_t wait_for_warp(Exchange exchange, unsigned mask, std::uint64_t value, unsigned source) {
  if ((mask & lane_bit(*current)) == 0) fail("a lane is not in the mask of its own operation");
  Thread& thread = *current;
  Warp& warp = warp_of(thread);
  Lane& lane = warp.lanes[thread.number % 32];
  lane.value = value;
  lane.source = source;
  thread.exchange = exchange;
  thread.mask = mask;
  thread.state = State::in_warp;
  warp.waiting |= lane_bit(thread);
  try_exchange(thread);
  if (thread.state == State::in_warp) leave_for(next_fiber());
  return lane.result;
}

void exchange_nothing(Lane*, unsigned) {}

void exchange_shuffle(Lane lanes[32], unsigned present) {
  for (unsigned i = 0; i < 32; ++i) {
    const unsigned source = lanes[i].source;
    if ((present >> i & 1) != 0) lanes[i].result = (present >> source & 1) != 0 ? lanes[source].value : garbage;
  }
}

void exchange_ballot(Lane lanes[32], unsigned present) {
  std::uint64_t votes = 0;
  for (unsigned i = 0; i < 32; ++i) {
    if ((present >> i & 1) != 0) votes |= lanes[i].value << i;
  }
  for (unsigned i = 0; i < 32; ++i) lanes[i].result = votes;
}

unsigned lane_index() { return current->number % 32; }
unsigned live_lanes() { return warp_of(*current).live; }

bool run_grid(dim3 grid, dim3 block_dim, std::size_t dynamic_shared, const void* kernel,
              const std::function<void()>& thread) {
  gridDim = grid;
  blockDim = block_dim;
  number_threads();
  block.thread = &thread;
  block.failure = nullptr;
  poison(shared_memory + dynamic_shared, max_shared - dynamic_shared);
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        blockIdx = {x, y, z};
        std::memset(shared_memory, static_cast<int>(garbage), dynamic_shared);
        run_block();
        if (block.failure == nullptr) continue;
        report(kernel);
        clear_fibers();
        unpoison(shared_memory, max_shared);
        return false;
      }
    }
  }
  unpoison(shared_memory, max_shared);
  return true;
}

}  // namespace fastgrad::emulation

void* emulated_dynamic_shared() { return fastgrad::emulation::shared_memory; }
