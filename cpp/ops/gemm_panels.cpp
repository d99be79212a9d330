// The general matrix product: tiles of C from panels of A and B, which are read in place or packed.
#include <algorithm>

#include "core/parallel.h"
#include "ops/gemm_detail.h"
#include "ops/slots.h"

namespace fastgrad::detail {
namespace {

// A panel of B so deep fits in the first-level cache, a block of A as deep and so many tiles high, with its part of C,
// in the second-level one.
constexpr Index max_depth_block = 350;
constexpr Index tiles_in_block = 12, least_tiles = 4;
// A task's columns: wider ones read A less often and end less often in a narrow tile, narrower ones are shared out more
// evenly. They are cut at multiples of the unit, which are whole vectors for every instruction set.
constexpr Index column_block = 144, least_column_block = 128, column_unit = 16;

// Larger products are cut into chunks, which bounds the scratch memory (8 MiB for B in float, half of that for A where
// it is packed).
constexpr Index max_chunk_rows = 1008, max_chunk_columns = 2016, max_chunk_depth = 1024;

// The size of even pieces of at most `limit`, which is a multiple of `unit` as all pieces but the last are.
constexpr Index even_piece(Index size, Index limit, Index unit) {
  return ceil_div(ceil_div(size, ceil_div(size, limit)), unit) * unit;
}

// One operand of a chunk: `count` rows of A or columns of B, `stride` apart, in panels of `width`; k steps of `step`.
template <class T>
struct Side {
  const T* data;
  Index stride, step, count, width;
  bool pack;

  Index panels() const { return ceil_div(count, width); }
  // Rounded up to whole cache lines, so that what comes behind is as aligned as the scratch memory itself.
  Index scratch_elements(Index depth) const { return pack ? ceil_div(panels() * width * depth, 16) * 16 : 0; }
  Panels<T> in_place() const { return {data, width * stride, stride, step}; }
  Panels<T> packed(const T* scratch, Index depth) const { return {scratch, width * depth, 1, width}; }
};

// Tiles read A in place well, but for columns so long that every step is on another page: then packing pays where
// enough columns of B share it. They cannot where neither rows nor columns are contiguous.
template <class T>
Side<T> left_side(const Product<T>& p) {
  constexpr Index half_page = 2048 / sizeof(T);
  const bool scattered = p.a.row_stride != 1 && p.a.column_stride != 1;
  const bool pack = scattered || (p.k >= 64 && p.a.column_stride >= half_page && p.n >= 256);
  return {p.a.data, p.a.row_stride, p.a.column_stride, p.m, matmul_kernels<T>().tile_rows, pack};
}

// Tiles read B in place if its rows are contiguous; packing gains when many rows of A use a B beyond the caches.
template <class T>
Side<T> right_side(const Product<T>& p) {
  const bool pack = p.b.column_stride != 1 || (p.m >= 320 && p.n * p.k >= 128 * 1024);
  return {p.b.data, p.b.column_stride, p.b.row_stride, p.n, matmul_kernels<T>().tile_columns, pack};
}

template <class T>
void pack_panels(const Side<T>& side, Index begin, Index end, Index depth, T* scratch) {
  const Index first = begin * side.width, last = std::min(end * side.width, side.count);
  matmul_kernels<T>().pack(scratch + first * depth, side.data + first * side.stride, side.stride, side.step,
                           last - first, side.width, depth);
}

// The panels of a side, packed in parallel if it asks for that.
template <class T>
Panels<T> prepare(const Side<T>& side, Index depth, T* scratch) {
  if (!side.pack) return side.in_place();
  parallel_for(0, side.panels(), grain_of(depth * side.width * 8),
               [&](Index begin, Index end) { pack_panels(side, begin, end, depth, scratch); });
  return side.packed(scratch, depth);
}

// The panels from number `q` on, and from `depth` on.
template <class T>
Panels<T> panels_from(const Panels<T>& panels, Index q, Index depth) {
  return {panels.data + q * panels.panel + depth * panels.step, panels.panel, panels.element, panels.step};
}

// All of a product whose panels are ready: a block of so many tiles of rows after the other, each over the whole depth.
template <class T>
void multiply_blocks(const Product<T>& p, const Panels<T>& a, const Panels<T>& b) {
  const MatmulKernels<T>& kernel = matmul_kernels<T>();
  const Index depth_block = even_piece(p.k, max_depth_block, 1), block = tiles_in_block * kernel.tile_rows;
  for (Index row = 0; row < p.m; row += block) {
    const Index rows = std::min(block, p.m - row);
    for (Index depth = 0; depth < p.k; depth += depth_block) {
      kernel.multiply(p.c + row * p.ldc, p.ldc, panels_from(a, row / kernel.tile_rows, depth), panels_from(b, 0, depth),
                      rows, p.n, std::min(depth_block, p.k - depth), p.accumulate || depth > 0);
    }
    finish(p, row, 0, rows, p.n);
  }
}

// The part of C from (i, j) on; its operands' panels are the caller's business.
template <class T>
Product<T> part_of(Product<T> p, Index i, Index j, Index rows, Index columns) {
  p.c += i * p.ldc + j;
  if (p.bias.data != nullptr) p.bias.data += p.bias.of_rows ? i : j;
  p.m = std::min(rows, p.m - i);
  p.n = std::min(columns, p.n - j);
  return p;
}

// The columns or tile rows of C, cut into tasks as alike as possible, as many for each thread.
struct Cut {
  Index units, tasks;

  Index first(Index task) const { return task * units / tasks; }
  Index largest() const { return ceil_div(units, tasks); }
};

// Tasks of at most `most` units; about four a thread where that leaves them `least` units, so that a slow core costs
// little.
Cut cut_of(Index units, Index least, Index most, Index threads) {
  const Index each = std::max(ceil_div(units, threads * most), std::min<Index>(4, units / (threads * least)));
  return {units, std::min(units, std::max<Index>(1, each) * threads)};
}

// Calls f(first, end, memory) for all tasks; the memory, of `size` elements, is the task's own.
template <class T, class F>
void for_tasks(const Cut& cut, Index threads, T* scratch, Index size, const F& f) {
  Slots slots(std::min(threads, most_slots));
  parallel_for(0, cut.tasks, 1, [&](Index begin, Index end) {
    const Index slot = slots.take();
    for (Index i = begin; i < end; ++i) f(cut.first(i), cut.first(i + 1), scratch + slot * size);
    slots.give_back(slot);
  });
}

template <class T>
Cut column_cut(const Product<T>& p) {
  return cut_of(ceil_div(p.n, column_unit), least_column_block / column_unit, column_block / column_unit, p.threads);
}

template <class T>
Index column_task_scratch(const Product<T>& p, Side<T> right) {
  right.count = column_cut(p).largest() * column_unit;
  return right.scratch_elements(p.k);
}

// The tasks are blocks of columns. Each packs its part of B: what a core has just written is slow to read for the
// others, so this beats packing B together where there are enough columns for all threads.
template <class T>
bool goes_by_columns(const Product<T>& p, const Side<T>& right) {
  return right.pack && p.n >= least_column_block / 2 * p.threads && p.threads <= most_slots;
}

template <class T>
void multiply_by_columns(const Product<T>& p, const Panels<T>& a, const Side<T>& right, T* scratch) {
  for_tasks(column_cut(p), p.threads, scratch, column_task_scratch(p, right), [&](Index begin, Index end, T* memory) {
    const Index first = begin * column_unit, columns = std::min(end * column_unit, p.n) - first;
    Side<T> side = right;
    side.data += first * side.stride;
    side.count = columns;
    pack_panels(side, 0, side.panels(), p.k, memory);
    multiply_blocks(part_of(p, 0, first, p.m, columns), a, side.packed(memory, p.k));
  });
}

template <class T>
Cut row_cut(const Product<T>& p) {
  return cut_of(ceil_div(p.m, matmul_kernels<T>().tile_rows), least_tiles, tiles_in_block, p.threads);
}

template <class T>
Index row_task_scratch(const Product<T>& p, Side<T> left) {
  left.count = row_cut(p).largest() * left.width;
  return left.scratch_elements(p.k);
}

// The tasks are blocks of rows, and each packs its part of A. B is small and read in place.
template <class T>
bool goes_by_rows(const Product<T>& p, const Side<T>& left, const Side<T>& right) {
  return left.pack && !right.pack && p.m >= least_tiles * left.width * p.threads && p.threads <= most_slots;
}

template <class T>
void multiply_by_rows(const Product<T>& p, const Side<T>& left, const Panels<T>& b, T* scratch) {
  for_tasks(row_cut(p), p.threads, scratch, row_task_scratch(p, left), [&](Index begin, Index end, T* memory) {
    const Index first = begin * left.width, rows = std::min(end * left.width, p.m) - first;
    Side<T> side = left;
    side.data += first * side.stride;
    side.count = rows;
    pack_panels(side, 0, side.panels(), p.k, memory);
    multiply_blocks(part_of(p, first, 0, rows, p.n), side.packed(memory, p.k), b);
  });
}

// C cut into blocks of whole tiles: so many blocks one above the other, and side by side.
struct Grid {
  Index tiles, panels, rows, columns;
};

// About four blocks a thread, shaped so that the threads finish together.
template <class T>
Grid grid_of(const Product<T>& p) {
  const Index tiles = ceil_div(p.m, matmul_kernels<T>().tile_rows), threads = p.threads;
  const Index panels = ceil_div(p.n, matmul_kernels<T>().tile_columns);
  const Index wanted = std::min(4 * threads, std::max<Index>(1, p.work() / parallel_work));
  if (threads == 1 || wanted == 1) return {tiles, panels, 1, ceil_div(p.n, column_block * 2)};
  Grid best{tiles, panels, 1, 1};
  Index least = tiles * panels;
  for (Index rows = 1; rows <= std::min(tiles, wanted); ++rows) {
    const Index columns = std::min(panels, ceil_div(wanted, rows));
    const Index time = ceil_div(rows * columns, threads) * ceil_div(tiles, rows) * ceil_div(panels, columns);
    if (time < least) {
      best = {tiles, panels, rows, columns};
      least = time;
    }
  }
  return best;
}

// The tasks are the blocks of a grid, column by column.
template <class T>
void multiply_by_tiles(const Product<T>& p, const Panels<T>& a, const Panels<T>& b) {
  const Grid g = grid_of(p);
  const Index height = matmul_kernels<T>().tile_rows, width = matmul_kernels<T>().tile_columns;
  parallel_for(0, g.rows * g.columns, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index row = i % g.rows, column = i / g.rows;
      const Index top = row * g.tiles / g.rows, bottom = (row + 1) * g.tiles / g.rows;
      const Index first = column * g.panels / g.columns, last = (column + 1) * g.panels / g.columns;
      multiply_blocks(part_of(p, top * height, first * width, (bottom - top) * height, (last - first) * width),
                      panels_from(a, top, 0), panels_from(b, first, 0));
    }
  });
}

template <class T>
void multiply_chunk(const Product<T>& p, T* scratch) {
  const Side<T> left = left_side(p), right = right_side(p);
  if (goes_by_rows(p, left, right)) return multiply_by_rows(p, left, right.in_place(), scratch);
  const Panels<T> a = prepare(left, p.k, scratch);
  T* right_scratch = scratch + left.scratch_elements(p.k);
  if (goes_by_columns(p, right)) return multiply_by_columns(p, a, right, right_scratch);
  multiply_by_tiles(p, a, prepare(right, p.k, right_scratch));
}

template <class T>
Index chunk_scratch(const Product<T>& p) {
  const Side<T> left = left_side(p), right = right_side(p);
  if (goes_by_rows(p, left, right)) return p.threads * row_task_scratch(p, left);
  const bool by_columns = goes_by_columns(p, right);
  return left.scratch_elements(p.k) +
         (by_columns ? p.threads * column_task_scratch(p, right) : right.scratch_elements(p.k));
}

// The part of a product from (i, j) on, over the depth from `depth` on.
template <class T>
Product<T> chunk_of(const Product<T>& whole, Index i, Index j, Index depth, Index rows, Index columns,
                    Index chunk_depth) {
  Product<T> p = part_of(whole, i, j, rows, columns);
  p.a.data += i * p.a.row_stride + depth * p.a.column_stride;
  p.b.data += depth * p.b.row_stride + j * p.b.column_stride;
  p.accumulate = p.accumulate || depth > 0;
  if (depth + chunk_depth < p.k) p.bias = {};
  p.k = std::min(chunk_depth, p.k - depth);
  return p;
}

// An A that is read in place needs no bound, and B is then packed once for all its rows.
template <class T>
Index chunk_rows(const Side<T>& left) {
  return left.pack ? max_chunk_rows : left.count;
}

// Calls f for every chunk of a product.
template <class T, class F>
void for_chunks(const Product<T>& p, const F& f) {
  const Index rows = even_piece(p.m, chunk_rows(left_side(p)), matmul_kernels<T>().tile_rows);
  const Index columns = even_piece(p.n, max_chunk_columns, matmul_kernels<T>().tile_columns);
  const Index chunk_depth = even_piece(p.k, max_chunk_depth, 8);
  for (Index j = 0; j < p.n; j += columns) {
    for (Index depth = 0; depth < p.k; depth += chunk_depth) {
      for (Index i = 0; i < p.m; i += rows) f(chunk_of(p, i, j, depth, rows, columns, chunk_depth));
    }
  }
}

}  // namespace

template <class T>
Index panels_scratch(const Product<T>& p) {
  Index most = 0;
  for_chunks(p, [&](const Product<T>& chunk) { most = std::max(most, chunk_scratch(chunk)); });
  return most;
}

template <class T>
void multiply_panels(const Product<T>& p, T* scratch) {
  for_chunks(p, [&](const Product<T>& chunk) { multiply_chunk(chunk, scratch); });
}

template Index panels_scratch(const Product<float>&);
template Index panels_scratch(const Product<double>&);
template void multiply_panels(const Product<float>&, float*);
template void multiply_panels(const Product<double>&, double*);

}  // namespace fastgrad::detail
