// Sums over the threads of a block.
#pragma once

#include "cuda/launch.cuh"

namespace fastgrad::cuda {

// The sum of x over the threads before this one, and of all threads, in a block of so many.
template <int threads, class T>
__device__ T sum_before(T x, T& total) {
  __shared__ T sums[2][threads];
  const int t = static_cast<int>(threadIdx.x);
  int from = 0;
  sums[0][t] = x;
  __syncthreads();
  for (int step = 1; step < threads; step *= 2) {
    sums[1 - from][t] = sums[from][t] + (t >= step ? sums[from][t - step] : T{0});
    from = 1 - from;
    __syncthreads();
  }
  const T sum = sums[from][t];
  total = sums[from][threads - 1];
  __syncthreads();
  return sum - x;
}

}  // namespace fastgrad::cuda
