// A radix sort from the lowest digit up, of so many digits as the largest key has.
//
// A block moves one tile. Where an element goes follows from how many digits are smaller in all tiles, equal in the
// tiles before, equal in the warps before, and equal in this warp before it; no atomic decides about an order.
#include <bit>
#include <limits>

#include "cuda/block_sum.cuh"
#include "cuda/launch.cuh"
#include "cuda/order.cuh"

namespace fastgrad::cuda {
namespace {

constexpr int digit_bits = 8, digits = 1 << digit_bits, warps = 8, rounds = 8;
constexpr int tile_threads = warps * 32, tile = tile_threads * rounds;
static_assert(tile_threads == digits);  // a thread for each digit

struct Pairs {
  Index* keys;
  int* places;  // null: each key's own number
};

__device__ int digit_of(Index key, int shift) { return static_cast<int>(key >> shift) & (digits - 1); }

// How often each digit occurs in each tile: counts[digit][tile].
__global__ void count_digits(const Index* keys, Index n, int shift, int* counts) {
  __shared__ int count[digits];
  count[threadIdx.x] = 0;
  __syncthreads();
  const Index begin = static_cast<Index>(blockIdx.x) * tile;
  for (int r = 0; r < rounds; ++r) {
    const Index i = begin + r * tile_threads + threadIdx.x;
    if (i < n) atomicAdd(&count[digit_of(keys[i], shift)], 1);
  }
  __syncthreads();
  counts[static_cast<Index>(threadIdx.x) * gridDim.x + blockIdx.x] = count[threadIdx.x];
}

// A block for each digit: its counts become sums over the tiles before, and totals[digit] the sum of all.
__global__ void sum_tiles(int* counts, int tiles, int* totals) {
  int* const row = counts + static_cast<Index>(blockIdx.x) * tiles;
  int sum = 0;
  for (int at = 0; at < tiles; at += tile_threads) {
    const int i = at + static_cast<int>(threadIdx.x);
    int total = 0;
    const int before = sum_before<tile_threads>(i < tiles ? row[i] : 0, total);
    if (i < tiles) row[i] = sum + before;
    sum += total;
  }
  if (threadIdx.x == 0) totals[blockIdx.x] = sum;
}

// The lanes of this warp that have the same digit, of those where `holds`.
__device__ unsigned peers_of(int digit, bool holds) {
  unsigned peers = __ballot_sync(~0U, holds);
  for (int b = 0; b < digit_bits; ++b) {
    const bool bit = (digit >> b & 1) != 0;
    const unsigned ones = __ballot_sync(~0U, bit);
    peers &= bit ? ones : ~ones;
  }
  return peers;
}

// Moves a tile to where its digits belong. With one tile the counts are not needed: they are null.
__global__ void move_tile(Pairs from, Pairs to, Index n, int shift, const int* counts, const int* totals) {
  __shared__ int seen[warps][digits];  // how often, and then where this warp's first one goes
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  for (int w = 0; w < warps; ++w) seen[w][threadIdx.x] = 0;
  __syncthreads();
  const Index begin = static_cast<Index>(blockIdx.x) * tile + warp * 32 * rounds + lane;
  int rank[rounds];
  for (int r = 0; r < rounds; ++r) {
    const Index i = begin + r * 32;
    const bool holds = i < n;
    const int digit = holds ? digit_of(from.keys[i], shift) : 0;
    const unsigned peers = peers_of(digit, holds);
    const int before = seen[warp][digit];
    const int earlier = __popc(peers & ((1U << lane) - 1));
    rank[r] = before + earlier;
    __syncwarp();
    if (holds && earlier == 0) seen[warp][digit] = before + __popc(peers);
    __syncwarp();
  }
  __syncthreads();
  const int digit = static_cast<int>(threadIdx.x);
  int sum = 0;
  for (int w = 0; w < warps; ++w) {
    const int count = seen[w][digit];
    seen[w][digit] = sum;
    sum += count;
  }
  int all = 0;
  int first = sum_before<tile_threads>(totals == nullptr ? sum : totals[digit], all);
  if (counts != nullptr) first += counts[static_cast<Index>(digit) * gridDim.x + blockIdx.x];
  for (int w = 0; w < warps; ++w) seen[w][digit] += first;
  __syncthreads();
  for (int r = 0; r < rounds; ++r) {
    const Index i = begin + r * 32;
    if (i >= n) continue;
    const Index key = from.keys[i];
    const int at = seen[warp][digit_of(key, shift)] + rank[r];
    to.keys[at] = key;
    to.places[at] = from.places == nullptr ? static_cast<int>(i) : from.places[i];
  }
}

Pairs pairs_of(const Order& order) {
  return {static_cast<Index*>(order.keys.address()),
          order.places.storage ? static_cast<int*>(order.places.address()) : nullptr};
}

}  // namespace

Order in_order(const Tensor& keys, Index limit) {
  const Index n = keys.numel();
  if (n > std::numeric_limits<int>::max()) fail("CUDA kernels write at most 2^31 - 1 indices at once, got ", n);
  const auto tiles = static_cast<int>((n + tile - 1) / tile);
  const int bits = std::bit_width(static_cast<std::uint64_t>(limit > 1 ? limit - 1 : 1));
  Order from{keys, {}}, to{empty({n}, DType::int64), empty({n}, DType::int32)};
  Tensor other_places = empty({bits > digit_bits ? n : 0}, DType::int32);
  Tensor counts, totals;
  if (tiles > 1) {
    counts = empty({Index{digits} * tiles}, DType::int32);
    totals = empty({digits}, DType::int32);
  }
  auto* const count = tiles > 1 ? static_cast<int*>(counts.address()) : nullptr;
  auto* const total = tiles > 1 ? static_cast<int*>(totals.address()) : nullptr;
  for (int shift = 0; shift < bits; shift += digit_bits) {
    if (tiles > 1) {
      launch("order", count_digits, tiles, tile_threads, 0, static_cast<const Index*>(from.keys.address()), n, shift,
             count);
      launch("order", sum_tiles, digits, tile_threads, 0, count, tiles, total);
    }
    launch("order", move_tile, tiles, tile_threads, 0, pairs_of(from), pairs_of(to), n, shift,
           static_cast<const int*>(count), static_cast<const int*>(total));
    if (!from.places.storage) from.places = other_places;
    std::swap(from, to);
  }
  return from;
}

}  // namespace fastgrad::cuda
