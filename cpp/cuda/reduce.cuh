// Combining the values of a warp's or a block's threads, in a fixed tree: the bits never depend on the run.
#pragma once

#include <cstring>

#include "cuda/launch.cuh"

namespace fastgrad::cuda {

constexpr int warp_threads = 32;

// What `exchange` makes of x's words, for any T that can be copied as bytes.
template <class T, class F>
__device__ T exchange_words(T x, F exchange) {
  constexpr int words = (sizeof(T) + 3) / 4;
  unsigned word[words] = {};
  memcpy(word, &x, sizeof(T));
  for (unsigned& w : word) w = exchange(w);
  memcpy(&x, word, sizeof(T));
  return x;
}

// x of the lane whose number differs in the bits of `mask`; of the lane `distance` before, its own where there is none
// in the group of `width` lanes; of lane `lane` of the group. All lanes of the warp take part.
template <class T>
__device__ T shuffle_xor(T x, int mask) {
  return exchange_words(x, [=](unsigned w) { return __shfl_xor_sync(0xffffffffU, w, mask); });
}
template <class T>
__device__ T shuffle_up(T x, int distance, int width = warp_threads) {
  return exchange_words(x, [=](unsigned w) { return __shfl_up_sync(0xffffffffU, w, distance, width); });
}
template <class T>
__device__ T shuffle_from(T x, int lane, int width = warp_threads) {
  return exchange_words(x, [=](unsigned w) { return __shfl_sync(0xffffffffU, w, lane, width); });
}

// f over groups of `width` neighbouring lanes, a power of two; each lane gets its group's. f has to commute. All lanes
// of the warp take part.
template <class T, class F>
__device__ T warp_reduce(T x, F f, int width = warp_threads) {
  for (int mask = width / 2; mask > 0; mask /= 2) x = f(x, shuffle_xor(x, mask));
  return x;
}

// f over all threads of a one-dimensional block, whose size is 32 times a power of two; every thread gets the result.
template <class T, class F>
__device__ T block_reduce(T x, F f) {
  __shared__ T parts[warp_threads];
  const int warps = static_cast<int>(blockDim.x) / warp_threads, lane = static_cast<int>(threadIdx.x) % warp_threads;
  x = warp_reduce(x, f);
  if (warps == 1) return x;
  if (lane == 0) parts[threadIdx.x / warp_threads] = x;
  __syncthreads();
  x = warp_reduce(parts[lane % warps], f, warps);
  __syncthreads();  // the next reduction may write
  return x;
}

struct Add {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

// NaN wins.
struct Larger {
  template <class T>
  __device__ T operator()(T best, T x) const {
    return x > best || x != x ? x : best;
  }
};

struct Smaller {
  template <class T>
  __device__ T operator()(T best, T x) const {
    return x < best || x != x ? x : best;
  }
};

}  // namespace fastgrad::cuda
