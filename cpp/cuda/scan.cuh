// Running combinations over the threads of a warp or a block, in a fixed tree.
#pragma once

#include "cuda/reduce.cuh"

namespace fastgrad::cuda {

// f over the lanes up to this one, in groups of `width` neighbouring lanes, a power of two. All lanes take part.
template <class T, class F>
__device__ T warp_scan(T x, F f, int width = warp_threads) {
  const int lane = static_cast<int>(threadIdx.x) % width;
  for (int distance = 1; distance < width; distance *= 2) {
    const T before = shuffle_up(x, distance, width);
    if (lane >= distance) x = f(before, x);
  }
  return x;
}

template <class T>
struct Scanned {
  T before, total;  // of the threads before this one, and of all
};

// f over the threads of a one-dimensional block, whose size is a multiple of 32.
template <class T, class F>
__device__ Scanned<T> block_scan(T x, F f, T identity) {
  __shared__ T parts[warp_threads];
  const int warps = static_cast<int>(blockDim.x) / warp_threads, lane = static_cast<int>(threadIdx.x) % warp_threads;
  const int warp = static_cast<int>(threadIdx.x) / warp_threads;
  const T through = warp_scan(x, f);
  if (lane == warp_threads - 1) parts[warp] = through;
  __syncthreads();
  const T sums = warp_scan(lane < warps ? parts[lane] : identity, f);
  const T earlier = shuffle_from(sums, warp > 0 ? warp - 1 : 0), total = shuffle_from(sums, warps - 1);
  const T up = shuffle_up(through, 1);
  __syncthreads();  // the next scan may write
  const T own = lane > 0 ? up : identity;
  return {warp > 0 ? f(earlier, own) : own, total};
}

}  // namespace fastgrad::cuda
