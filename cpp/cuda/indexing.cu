// Reading by index, and the places of what is not 0.
#include "cuda/block_sum.cuh"
#include "cuda/families.h"
#include "cuda/lookup.cuh"

namespace fastgrad::cuda {
namespace {

template <class T>
__global__ void take_elements(Positions positions, Geometry<3> geometry, T* out, const T* from, Index n) {
  for (Index i = thread_index(); i < n; i += thread_count()) {
    Index at[3];
    geometry.locate(i, at);
    out[at[of_other]] = from[at[of_indexed] + positions.at(at[of_index]) * positions.step];
  }
}

// Rows of so many units; everything else is counted in elements of `item` bytes.
template <class U>
__global__ void take_rows(Positions positions, Geometry<3> geometry, char* out, const char* from, Index item,
                          Index rows, Index units) {
  for_each_in_rows(rows, units, [&](Index row) {
    Index at[3];
    geometry.locate(row, at);
    const Index place = at[of_indexed] + positions.at(at[of_index]) * positions.step;
    auto* const to_row = reinterpret_cast<U*>(out + at[of_other] * item);
    const auto* const from_row = reinterpret_cast<const U*>(from + place * item);
    return [=](Index c) { to_row[c] = from_row[c]; };
  });
}

__global__ void sum_positions(Positions positions, Index* offsets, Index n) {
  for (Index i = thread_index(); i < n; i += thread_count()) offsets[i] += positions.at(i) * positions.step;
}

// ---------------------------------------------------------------------------------------------------------- nonzero

constexpr int rounds = 16;
constexpr Index tile = Index{block_threads} * rounds;

// How many elements of each tile are not 0.
__global__ void count_tiles(const bool* mask, Index n, Index* counts) {
  Index count = 0, total = 0;
  for (int r = 0; r < rounds; ++r) {
    const Index i = static_cast<Index>(blockIdx.x) * tile + r * block_threads + threadIdx.x;
    count += i < n && mask[i];
  }
  sum_before<block_threads>(count, total);
  if (threadIdx.x == 0) counts[blockIdx.x] = total;
}

// By one block: the counts become sums of those before, and one more for all.
__global__ void sum_tiles(Index* counts, Index tiles) {
  Index sum = 0;
  for (Index at = 0; at < tiles; at += block_threads) {
    const Index i = at + threadIdx.x;
    Index total = 0;
    const Index before = sum_before<block_threads>(i < tiles ? counts[i] : Index{0}, total);
    if (i < tiles) counts[i] = sum + before;
    sum += total;
  }
  if (threadIdx.x == 0) counts[tiles] = sum;
}

struct Shape {
  int dims;
  Index sizes[Dims::max_size];
};

__global__ void write_places(const bool* mask, Index n, const Index* counts, Shape shape, Index* out) {
  Index next = counts[blockIdx.x];
  for (int r = 0; r < rounds; ++r) {
    Index i = static_cast<Index>(blockIdx.x) * tile + r * block_threads + threadIdx.x, total = 0;
    const bool holds = i < n && mask[i];
    Index* const to = out + (next + sum_before<block_threads>(Index{holds}, total)) * shape.dims;
    next += total;
    if (!holds) continue;
    for (int d = shape.dims - 1; d > 0; --d) {
      const Index rest = i / shape.sizes[d];
      to[d] = i - rest * shape.sizes[d];
      i = rest;
    }
    if (shape.dims > 0) to[0] = i;
  }
}

}  // namespace

void take(const Lookup& l) {
  if (l.other.numel() == 0) return;
  const Walk<3> walk = walk_of(l);
  const auto item = static_cast<Index>(item_size(l.other.dtype));
  if (const Index unit = row_unit(l, walk)) {
    const Walk<3> outer = outer_of(walk);
    const Index rows = outer.outer() * outer.inner(), units = walk.inner() * item / unit;
    const RowGrid grid(rows, units);
    return visit_unit(unit, [&](auto u) {
      using U = decltype(u);
      launch(l.op, take_rows<U>, grid.blocks, grid.threads, 0, positions_of(l), Geometry<3>(outer),
             static_cast<char*>(l.other.address()), static_cast<const char*>(l.indexed.address()), item, rows, units);
    });
  }
  visit_unit(item, [&](auto u) {
    using U = decltype(u);
    const Index n = l.other.numel();
    launch(l.op, take_elements<U>, blocks_for(n), block_threads, 0, positions_of(l), Geometry<3>(walk),
           static_cast<U*>(l.other.address()), static_cast<const U*>(l.indexed.address()), n);
  });
}

void add_positions(const Tensor& offsets, const Lookup& l) {
  const Index n = offsets.numel();
  if (n == 0) return;
  launch(l.op, sum_positions, blocks_for(n), block_threads, 0, positions_of(l), static_cast<Index*>(offsets.address()),
         n);
}

Tensor nonzero(const Tensor& mask) {
  const Index n = mask.numel(), tiles = (n + tile - 1) / tile;
  if (n == 0) return empty({0, mask.dim()}, DType::int64);
  const Tensor counts = empty({tiles + 1}, DType::int64);
  const auto* const from = static_cast<const bool*>(mask.address());
  auto* const count = static_cast<Index*>(counts.address());
  launch("nonzero", count_tiles, static_cast<unsigned>(tiles), block_threads, 0, from, n, count);
  launch("nonzero", sum_tiles, 1, block_threads, 0, count, tiles);
  Index found = 0;
  copy_bytes(&found, host_device, count + tiles, mask.device(), sizeof found, false);
  const Tensor out = empty({found, mask.dim()}, DType::int64);
  if (out.numel() == 0) return out;
  Shape shape{mask.dim(), {}};
  std::copy(mask.sizes.begin(), mask.sizes.end(), shape.sizes);
  launch("nonzero", write_places, static_cast<unsigned>(tiles), block_threads, 0, from, n,
         static_cast<const Index*>(count), shape, static_cast<Index*>(out.address()));
  return out;
}

}  // namespace fastgrad::cuda
