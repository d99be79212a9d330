// Scratch memory for the threads of a parallel_for.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <thread>

#include "kernels.h"

namespace fastgrad {

// The most threads that have a piece of their own.
inline constexpr Index most_slots = 64;

// Pieces of scratch memory for those threads that work at the same time. A thread gets the same piece again and again,
// and finds it in its core's cache.
class Slots {
 public:
  explicit Slots(Index count) : count_(count) {}

  Index take() {
    for (;; std::this_thread::yield()) {
      std::uint64_t taken = taken_.load(std::memory_order_relaxed);
      const int slot = std::countr_one(taken);
      if (slot >= count_) continue;
      const std::uint64_t with_slot = taken | std::uint64_t{1} << slot;
      if (taken_.compare_exchange_strong(taken, with_slot, std::memory_order_acquire)) return slot;
    }
  }
  void give_back(Index slot) { taken_.fetch_and(~(std::uint64_t{1} << slot), std::memory_order_release); }

 private:
  Index count_;
  std::atomic<std::uint64_t> taken_{0};
};

}  // namespace fastgrad
