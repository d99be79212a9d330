// The general matrix product: tiles of C from panels of A and B, which are read in place or packed.
#include <algorithm>

#include "core/parallel.h"
#include "ops/gemm_detail.h"

namespace fastgrad::detail {
namespace {

// A panel of B so deep fits in the first-level cache, a block of A as deep and so many tiles high, with its part of C,
// in the second-level one.
constexpr Index max_depth_block = 350;
constexpr Index tiles_in_block = 12;
// A task's columns: wider ones read A less often, narrower ones are shared out more evenly.
constexpr Index column_block = 144;

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
// enough columns of B share it.
template <class T>
Side<T> left_side(const Product<T>& p) {
  constexpr Index half_page = 2048 / sizeof(T);
  const bool pack = p.k >= 64 && p.a.column_stride >= half_page && p.n >= 256;
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

// A block of C (whole tiles from `tile` on, and columns of whole panels), over the depth of the panels.
template <class T>
void multiply_block(const Product<T>& p, const Panels<T>& a, const Panels<T>& b, Index tile, Index row, Index rows,
                    Index column, Index columns) {
  const MatmulKernels<T>& kernel = matmul_kernels<T>();
  T* c = p.c + row * p.ldc + column;
  const Index depth_block = even_piece(p.k, max_depth_block, 1);
  for (Index depth = 0; depth < p.k; depth += depth_block) {
    const Panels<T> left{a.data + tile * a.panel + depth * a.step, a.panel, a.element, a.step};
    const Panels<T> right{b.data + column / kernel.tile_columns * b.panel + depth * b.step, b.panel, b.element, b.step};
    kernel.multiply(c, p.ldc, left, right, rows, columns, std::min(depth_block, p.k - depth),
                    p.accumulate || depth > 0);
  }
  finish(p, row, column, rows, columns);
}

// The tile rows [begin, end) of a block of columns.
template <class T>
void multiply_tile_rows(const Product<T>& p, const Panels<T>& a, const Panels<T>& b, Index begin, Index end,
                        Index column, Index width) {
  const Index height = matmul_kernels<T>().tile_rows;
  for (Index tile = begin; tile < end; tile += tiles_in_block) {
    const Index row = tile * height, last_row = std::min(std::min(tile + tiles_in_block, end) * height, p.m);
    multiply_block(p, a, b, tile, row, last_row - row, column, std::min(width, p.n - column));
  }
}

// The tasks are blocks of `width` columns. Each packs its part of B: what a core has just written is slow to read for
// the others, so this beats packing B together where there are enough columns for all threads.
template <class T>
void multiply_by_columns(const Product<T>& p, const Panels<T>& a, const Side<T>& right, Index width, T* scratch) {
  const Panels<T> b = right.packed(scratch, p.k);
  const Index tiles = ceil_div(p.m, matmul_kernels<T>().tile_rows), panels = width / right.width;
  parallel_for(0, ceil_div(p.n, width), grain_of(p.m * width * p.k), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      pack_panels(right, i * panels, (i + 1) * panels, p.k, scratch);
      multiply_tile_rows(p, a, b, 0, tiles, i * width, width);
    }
  });
}

// C cut into blocks of whole tiles: so many blocks one above the other, and side by side.
struct Grid {
  Index tiles, panels, rows, columns;
};

// About four blocks a thread, shaped so that the threads finish together.
template <class T>
Grid grid_of(const Product<T>& p) {
  const Index tiles = ceil_div(p.m, matmul_kernels<T>().tile_rows), threads = num_threads();
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
  const Index panel = matmul_kernels<T>().tile_columns;
  parallel_for(0, g.rows * g.columns, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index row = i % g.rows, column = i / g.rows;
      const Index first = column * g.panels / g.columns, last = (column + 1) * g.panels / g.columns;
      multiply_tile_rows(p, a, b, row * g.tiles / g.rows, (row + 1) * g.tiles / g.rows, first * panel,
                         (last - first) * panel);
    }
  });
}

template <class T>
void multiply_chunk(const Product<T>& p, T* scratch) {
  const Side<T> left = left_side(p), right = right_side(p);
  const Panels<T> a = prepare(left, p.k, scratch);
  T* right_scratch = scratch + left.scratch_elements(p.k);
  const Index width = even_piece(p.n, std::max(p.n / (4 * num_threads()), right.width), right.width);
  if (right.pack && ceil_div(p.n, width) >= 2 * num_threads()) {
    multiply_by_columns(p, a, right, std::min(width, column_block), right_scratch);
  } else {
    multiply_by_tiles(p, a, prepare(right, p.k, right_scratch));
  }
}

// The part of a product from (i, j) on, over the depth from `depth` on.
template <class T>
Product<T> chunk_of(Product<T> p, Index i, Index j, Index depth, Index rows, Index columns, Index chunk_depth) {
  p.a.data += i * p.a.row_stride + depth * p.a.column_stride;
  p.b.data += depth * p.b.row_stride + j * p.b.column_stride;
  p.c += i * p.ldc + j;
  p.accumulate = p.accumulate || depth > 0;
  if (p.epilogue.bias != nullptr) p.epilogue.bias += j;
  if (depth + chunk_depth < p.k) p.epilogue = {};
  p.m = std::min(rows, p.m - i);
  p.n = std::min(columns, p.n - j);
  p.k = std::min(chunk_depth, p.k - depth);
  return p;
}

// An A that is read in place needs no bound, and B is then packed once for all its rows.
template <class T>
Index chunk_rows(const Side<T>& left) {
  return left.pack ? max_chunk_rows : left.count;
}

}  // namespace

template <class T>
Index panels_scratch(const Product<T>& p) {
  Side<T> left = left_side(p), right = right_side(p);
  left.count = std::min(left.count, chunk_rows(left));
  right.count = std::min(right.count, max_chunk_columns);
  const Index depth = std::min(p.k, max_chunk_depth);
  return left.scratch_elements(depth) + right.scratch_elements(depth);
}

template <class T>
void multiply_panels(const Product<T>& p, T* scratch) {
  const Index rows = even_piece(p.m, chunk_rows(left_side(p)), matmul_kernels<T>().tile_rows);
  const Index columns = even_piece(p.n, max_chunk_columns, matmul_kernels<T>().tile_columns);
  const Index chunk_depth = even_piece(p.k, max_chunk_depth, 8);
  for (Index j = 0; j < p.n; j += columns) {
    for (Index depth = 0; depth < p.k; depth += chunk_depth) {
      for (Index i = 0; i < p.m; i += rows) {
        multiply_chunk(chunk_of(p, i, j, depth, rows, columns, chunk_depth), scratch);
      }
    }
  }
}

template Index panels_scratch(const Product<float>&);
template Index panels_scratch(const Product<double>&);
template void multiply_panels(const Product<float>&, float*);
template void multiply_panels(const Product<double>&, double*);

}  // namespace fastgrad::detail
