// Places that an index names, in device code.
#pragma once

#include "accelerator.h"
#include "cuda/elementwise.cuh"
#include "cuda/report.cuh"

namespace fastgrad::cuda {

// What kernels know of a Lookup's index. One that is out of range is reported and the nearest place is taken.
struct Positions {
  const Index* index;
  Index size, step;
  bool wraps;
  const char* op;
  Report* report_to;

  __device__ Index at(Index place) const {
    const Index i = index[place], position = wraps && i < 0 ? i + size : i;
    if (position >= 0 && position < size) return position;
    report(report_to, Fault::index, op, i, size);
    return position < 0 ? 0 : size - 1;
  }
};

inline Positions positions_of(const Lookup& l) {
  return {static_cast<const Index*>(l.index.address()), l.size, l.step, l.wraps, l.op, current_report()};
}

// The operands of a Lookup, in this order.
enum { of_index, of_indexed, of_other };

inline Walk<3> walk_of(const Lookup& l) {
  return Walk<3>(l.index.sizes, {l.index.strides, l.indexed.strides, l.other.strides});
}

// The same without its last dimension: the positions that rows of neighbours have in common.
inline Walk<3> outer_of(const Walk<3>& walk) {
  Walk<3> outer = walk;
  outer.sizes.erase(walk.last());
  for (Dims& s : outer.strides) s.erase(walk.last());
  if (!outer.sizes.empty()) return outer;
  outer.sizes.push_back(1);
  for (Dims& s : outer.strides) s.push_back(0);
  return outer;
}

// Rows are moved in units of up to 16 bytes; 0: there are no rows of neighbouring elements with one index.
inline Index row_unit(const Lookup& l, const Walk<3>& walk) {
  const int last = walk.last();
  if (walk.strides[of_index][last] != 0 || walk.strides[of_indexed][last] != 1 || walk.strides[of_other][last] != 1) {
    return 0;
  }
  const auto item = static_cast<Index>(item_size(l.other.dtype));
  auto together = static_cast<Index>(reinterpret_cast<std::uintptr_t>(l.indexed.address()) |
                                     reinterpret_cast<std::uintptr_t>(l.other.address())) |
                  walk.sizes[last] * item | l.step * item;
  for (int d = 0; d < last; ++d) together |= (walk.strides[of_indexed][d] | walk.strides[of_other][d]) * item;
  return std::min<Index>(16, together & -together);
}

struct alignas(16) Unit16 {
  std::uint64_t half[2];
};

template <class F>
void visit_unit(Index bytes, F&& f) {
  switch (bytes) {
    case 1:
      return f(std::uint8_t{});
    case 2:
      return f(std::uint16_t{});
    case 4:
      return f(std::uint32_t{});
    case 8:
      return f(std::uint64_t{});
    default:
      return f(Unit16{});
  }
}

// A grid over rows and what lies in them: blocks of 256 threads, as wide as the rows if these are short.
struct RowGrid {
  dim3 blocks, threads;

  RowGrid(Index rows, Index width) {
    unsigned lanes = 1;
    while (lanes < block_threads && static_cast<Index>(lanes) < width) lanes *= 2;
    threads = dim3(lanes, block_threads / lanes);
    const Index across = (width + Index{lanes} * 8 - 1) / (Index{lanes} * 8);
    blocks = dim3(blocks_for(rows, static_cast<int>(threads.y)), static_cast<unsigned>(std::min<Index>(across, 65535)));
  }
};

// f(row, column) for all of them, in a RowGrid.
template <class F>
__device__ void for_each_in_rows(Index rows, Index width, F f) {
  const Index row_step = static_cast<Index>(gridDim.x) * blockDim.y;
  const Index column_step = static_cast<Index>(gridDim.y) * blockDim.x;
  for (Index row = static_cast<Index>(blockIdx.x) * blockDim.y + threadIdx.y; row < rows; row += row_step) {
    const auto column = f(row);
    for (Index c = static_cast<Index>(blockIdx.y) * blockDim.x + threadIdx.x; c < width; c += column_step) column(c);
  }
}

}  // namespace fastgrad::cuda
