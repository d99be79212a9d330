// What a thread knows of its block: its place, and how it waits for the others and exchanges values with its warp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>

#include "emulation/language.h"

// Only one block runs at any time: these are of the thread of it that runs.
inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;

// The dynamic shared memory of the block: in CUDA an `extern __shared__` array.
void* emulated_dynamic_shared();

namespace fastgrad::emulation {

constexpr unsigned max_threads = 1024;                // of a block
constexpr std::size_t max_shared = 227 * 1024;        // bytes of dynamic shared memory, for kernels that asked for it
constexpr std::size_t usual_shared = 48 * 1024;       // and for the others
constexpr std::uint64_t garbage = ~std::uint64_t{0};  // what is not defined: NaN as a float

// Runs a kernel to its end; false, after a line on stderr, where a thread called `fail` or all wait for ever.
bool run_grid(dim3 grid, dim3 block, std::size_t dynamic_shared, const void* kernel,
              const std::function<void()>& thread);

// Ends the launch that is running with an error.
[[noreturn]] void fail(const char* reason);
// Lets the other threads of the block go on first.
void yield_thread();

// What __syncthreads and its relatives return.
enum class Count { none, any, all, number };
int wait_for_block(Count count, bool predicate);

// A lane's part in an operation of its warp.
struct Lane {
  std::uint64_t value = 0, result = 0;
  unsigned source = 0;
};
// Gives the lanes their results, once all have come.
using Exchange = void (*)(Lane lanes[32], unsigned present);
std::uint64_t wait_for_warp(Exchange exchange, unsigned mask, std::uint64_t value, unsigned source);
void exchange_nothing(Lane lanes[32], unsigned present);
void exchange_shuffle(Lane lanes[32], unsigned present);
void exchange_ballot(Lane lanes[32], unsigned present);
unsigned lane_index();
unsigned live_lanes();  // of the warp: those that have not ended

template <class T>
T shuffle(unsigned mask, T value, unsigned source) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = wait_for_warp(exchange_shuffle, mask, bits, source);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace fastgrad::emulation

inline void __syncthreads() { fastgrad::emulation::wait_for_block(fastgrad::emulation::Count::none, false); }
inline int __syncthreads_or(int predicate) {
  return fastgrad::emulation::wait_for_block(fastgrad::emulation::Count::any, predicate != 0);
}
inline int __syncthreads_and(int predicate) {
  return fastgrad::emulation::wait_for_block(fastgrad::emulation::Count::all, predicate != 0);
}
inline int __syncthreads_count(int predicate) {
  return fastgrad::emulation::wait_for_block(fastgrad::emulation::Count::number, predicate != 0);
}

inline void __syncwarp(unsigned mask = 0xffffffffU) {
  fastgrad::emulation::wait_for_warp(fastgrad::emulation::exchange_nothing, mask, 0, 0);
}
inline unsigned __activemask() { return fastgrad::emulation::live_lanes(); }
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return static_cast<unsigned>(
      fastgrad::emulation::wait_for_warp(fastgrad::emulation::exchange_ballot, mask, predicate != 0, 0));
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate == 0) == 0; }

// A warp is cut into segments of `width` lanes, a power of two; a lane whose source lies outside keeps its own value.
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize) {
  const unsigned begin = fastgrad::emulation::lane_index() & ~(width - 1U);
  return fastgrad::emulation::shuffle(mask, value, begin | (static_cast<unsigned>(source) & (width - 1U)));
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize) {
  const unsigned lane = fastgrad::emulation::lane_index(), place = lane & (width - 1U);
  return fastgrad::emulation::shuffle(mask, value, place < delta ? lane : lane - delta);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize) {
  const unsigned lane = fastgrad::emulation::lane_index(), place = lane & (width - 1U);
  return fastgrad::emulation::shuffle(mask, value, delta >= width - place ? lane : lane + delta);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = warpSize) {
  const unsigned lane = fastgrad::emulation::lane_index(), last = lane | (width - 1U), source = lane ^ lane_mask;
  return fastgrad::emulation::shuffle(mask, value, source > last ? lane : source);
}

inline void __nanosleep(unsigned) { fastgrad::emulation::yield_thread(); }
[[noreturn]] inline void __trap() { fastgrad::emulation::fail("a thread called __trap"); }
