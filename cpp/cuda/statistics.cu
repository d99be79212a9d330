// Counting. Integers are counted with atomics, whose order does not show; weights are summed in the order of their
// elements.
#include "cuda/families.h"
#include "cuda/reduce.cuh"

namespace fastgrad::cuda {
namespace {

constexpr int most_shared_bins = 4096;

__device__ void count_up(Index* at, Index n) {
  atomicAdd(reinterpret_cast<unsigned long long*>(at), static_cast<unsigned long long>(n));
}

__global__ void count_bins(const Index* bin, Index n, Index* counts) {
  for (Index i = thread_index(); i < n; i += thread_count()) count_up(counts + bin[i], 1);
}

// The same with few bins: each block counts for itself first.
__global__ void count_few_bins(const Index* bin, Index n, Index* counts, int bins) {
  __shared__ unsigned here[most_shared_bins];
  for (int b = static_cast<int>(threadIdx.x); b < bins; b += block_threads) here[b] = 0;
  __syncthreads();
  for (Index i = thread_index(); i < n; i += thread_count()) atomicAdd(here + bin[i], 1U);
  __syncthreads();
  for (int b = static_cast<int>(threadIdx.x); b < bins; b += block_threads) {
    if (here[b] > 0) count_up(counts + b, static_cast<Index>(here[b]));
  }
}

__device__ Index numbers_before(const Index* sorted, Index n, Index number) {
  Index low = 0, high = n;
  while (low < high) {
    const Index middle = low + (high - low) / 2;
    if (sorted[middle] < number) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// A warp for each bin: of sorted bins, and where they were.
__global__ void sum_weights(const Index* sorted, const Index* place, Index n, const double* weight, double* totals,
                            Index bins) {
  const int lane = static_cast<int>(threadIdx.x) % warp_threads;
  for (Index bin = thread_index() / warp_threads; bin < bins; bin += thread_count() / warp_threads) {
    const Index end = numbers_before(sorted, n, bin + 1);
    double total = 0;
    for (Index i = numbers_before(sorted, n, bin) + lane; i < end; i += warp_threads) total += weight[place[i]];
    total = warp_reduce(total, Add());
    if (lane == 0) totals[bin] = total;
  }
}

}  // namespace

void count_numbers(const Tensor& out, const Tensor& bins) {
  const Index n = bins.numel(), size = out.numel();
  auto* const counts = static_cast<Index*>(out.address());
  const auto* const bin = static_cast<const Index*>(bins.address());
  if (size <= most_shared_bins) {
    launch("bincount", count_few_bins, blocks_for(n), block_threads, 0, bin, n, counts, static_cast<int>(size));
  } else {
    launch("bincount", count_bins, blocks_for(n), block_threads, 0, bin, n, counts);
  }
}

void sum_by_number(const Tensor& out, const Tensor& bins, const Tensor& weights) {
  const Index n = bins.numel(), size = out.numel();
  const Tensor sorted = empty({n}, DType::int64), places = empty({n}, DType::int64);
  sort(sorted, places, bins, 1, n, 1, n, false);
  launch("bincount", sum_weights, blocks_for(size * warp_threads), block_threads, 0,
         static_cast<const Index*>(sorted.address()), static_cast<const Index*>(places.address()), n,
         static_cast<const double*>(weights.address()), static_cast<double*>(out.address()), size);
}

}  // namespace fastgrad::cuda
