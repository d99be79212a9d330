// Cuts matrix products into pieces for the kernels (kernels/matmul.cpp) and the threads. Which kernel computes an
// element, and over which blocks of the depth its sum runs, depends on shapes and strides only, never on threads.
#include "ops/gemm.h"

#include <algorithm>
#include <memory>
#include <new>

#include "core/parallel.h"

namespace fastgrad {
namespace {

// A panel of B about 256 deep fits in the first-level cache, a block of A as deep and so many tiles high in the
// second-level one.
constexpr Index max_depth_block = 320;
constexpr Index tiles_in_block = 16;
// A task's columns: so many that reading the block of A costs little.
constexpr Index column_block = 256;

// Larger products are cut into chunks, which bounds the scratch memory (10 MiB for float). A multiple of every tile's
// sides.
constexpr Index max_chunk_rows = 1536, max_chunk_columns = 1024, max_chunk_depth = 1024;

// Fewer multiply-adds than this (some microseconds) are not worth another thread.
constexpr Index parallel_work = 1 << 18;

// Slots of scratch memory in a batch, that is the most threads that can work on it.
constexpr Index batch_slots = 64;

constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

// The size of even pieces of at most `limit`, which is a multiple of `unit` as all pieces but the last are.
constexpr Index even_piece(Index size, Index limit, Index unit) {
  return ceil_div(ceil_div(size, ceil_div(size, limit)), unit) * unit;
}

// How many units of `work` multiply-adds each make a piece worth a thread.
Index grain_of(Index work) { return std::max<Index>(1, parallel_work / std::max<Index>(1, work)); }

// ------------------------------------------------------------------------------------------------ scratch memory

constexpr std::align_val_t scratch_alignment{64};

struct AlignedDelete {
  void operator()(void* memory) const { ::operator delete(memory, scratch_alignment); }
};

// At least `elements` elements, kept by the thread for its next product: fresh pages cost more than packing does.
template <class T>
T* scratch_memory(Index elements) {
  thread_local std::unique_ptr<void, AlignedDelete> memory;
  thread_local std::size_t capacity = 0;
  const std::size_t bytes = static_cast<std::size_t>(elements) * sizeof(T);
  if (bytes > capacity) {
    memory.reset();
    capacity = 0;
    memory.reset(::operator new(bytes, scratch_alignment));
    capacity = bytes;
  }
  return static_cast<T*>(memory.get());
}

// ----------------------------------------------------------------------------------------------------- the problem

template <class T>
struct Product {
  Index m, n, k;
  MatrixView<T> a, b;
  T* c;
  Index ldc;
  bool accumulate;
  Epilogue<T> epilogue;

  Index work() const { return m * n * k; }
};

template <class T>
const MatmulKernels<T>& matmul_kernels() {
  return kernels().template floats<T>().matmul;
}

// Applies the epilogue to the rows and columns from (row, column) on.
template <class T>
void finish(const Product<T>& p, Index row, Index column, Index rows, Index columns) {
  if (p.epilogue.bias == nullptr && !p.epilogue.relu) return;
  const T* bias = p.epilogue.bias == nullptr ? nullptr : p.epilogue.bias + column;
  matmul_kernels<T>().finish(p.c + row * p.ldc + column, p.ldc, bias, p.epilogue.relu, rows, columns);
}

template <class T>
void fill_with_zeros(const Product<T>& p) {
  for (Index i = 0; i < p.m; ++i) std::fill_n(p.c + i * p.ldc, p.n, T{0});
}

// -------------------------------------------------------------------------------------------- matrix times vector

// A column of C that is contiguous is a row of C', and C' = B' A'.
template <class T>
Product<T> column_as_row(const Product<T>& p) {
  if (p.n != 1 || p.ldc != 1) return p;
  const MatrixView<T> vector{p.b.data, p.b.column_stride, p.b.row_stride};
  const MatrixView<T> matrix{p.a.data, p.a.column_stride, p.a.row_stride};
  return {1, p.m, p.k, vector, matrix, p.c, p.m, p.accumulate, p.epilogue};
}

template <class T>
bool is_vector_product(const Product<T>& p) {
  const Product<T> row = column_as_row(p);
  return row.m == 1 && (row.b.row_stride == 1 || row.b.column_stride == 1);
}

template <class T>
void multiply_vector(const Product<T>& p, T* scratch) {
  constexpr Index unit = 64;
  const Product<T> row = column_as_row(p);
  const MatmulKernels<T>& kernel = matmul_kernels<T>();
  const bool by_dots = row.b.row_stride == 1;
  const T* vector = row.a.data;
  if (by_dots && row.a.column_stride != 1) {
    kernel.pack(scratch, vector, 1, row.a.column_stride, 1, 1, row.k);
    vector = scratch;
  }
  parallel_for(0, ceil_div(row.n, unit), grain_of(unit * row.k * 8), [&](Index begin, Index end) {
    const Index first = begin * unit, columns = std::min(end * unit, row.n) - first;
    T* c = row.c + first;
    const T* matrix = row.b.data + first * row.b.column_stride;
    if (by_dots) {
      kernel.dot(c, 1, matrix, row.b.column_stride, vector, row.k, columns, 1, row.k, row.accumulate);
    } else {
      kernel.combine_rows(c, vector, row.a.column_stride, matrix, row.b.row_stride, columns, row.k, row.accumulate);
    }
  });
  finish(p, 0, 0, p.m, p.n);
}

// --------------------------------------------------------------------------------- few rows or columns: dot products

// Dot products read both operands along the depth, where they lie. Adding up the lanes at the end makes them worth it
// only for sums much longer than a vector, and there must be few columns, which would leave most of a tile empty, or
// too few rows to pay for packing B.
template <class T>
bool is_dot_product(const Product<T>& p) {
  return p.a.column_stride == 1 && p.k >= 64 && (p.n <= 16 || (p.m <= 32 && p.b.row_stride == 1));
}

// B with its columns contiguous, for which a B of few columns is copied.
template <class T>
MatrixView<T> contiguous_columns(const Product<T>& p, T* scratch) {
  if (p.b.row_stride == 1) return p.b;
  matmul_kernels<T>().pack(scratch, p.b.data, p.b.row_stride, p.b.column_stride, p.k, p.k, p.n);
  return {scratch, 1, p.k};
}

template <class T>
void multiply_by_dots(const Product<T>& p, T* scratch) {
  constexpr Index unit = 8;
  const MatrixView<T> b = contiguous_columns(p, scratch);
  const bool by_rows = p.m >= p.n;
  const Index count = by_rows ? p.m : p.n;
  parallel_for(0, ceil_div(count, unit), grain_of(unit * (p.work() / count)), [&](Index begin, Index end) {
    const Index first = begin * unit, size = std::min(end * unit, count) - first;
    const Index row = by_rows ? first : 0, column = by_rows ? 0 : first;
    const Index rows = by_rows ? size : p.m, columns = by_rows ? p.n : size;
    matmul_kernels<T>().dot(p.c + row * p.ldc + column, p.ldc, p.a.data + row * p.a.row_stride, p.a.row_stride,
                            b.data + column * b.column_stride, b.column_stride, rows, columns, p.k, p.accumulate);
    finish(p, row, column, rows, columns);
  });
}

// ----------------------------------------------------------------------------------------- the general case: panels

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

// Tiles read A in place well; packing gains where they would touch a new page at every step, or meet the same cache
// sets again and again, and costs little where many columns share it.
template <class T>
Side<T> left_side(const Product<T>& p) {
  const bool pack = p.n >= (p.a.column_stride == 1 ? 512 : 256) && p.k >= 64;
  return {p.a.data, p.a.row_stride, p.a.column_stride, p.m, matmul_kernels<T>().tile_rows, pack};
}

// Tiles read B in place if its rows are contiguous; packing gains when many rows of A use a B beyond the caches.
template <class T>
Side<T> right_side(const Product<T>& p) {
  const bool pack = p.b.column_stride != 1 || (p.m >= 320 && p.n * p.k >= 128 * 1024);
  return {p.b.data, p.b.column_stride, p.b.row_stride, p.n, matmul_kernels<T>().tile_columns, pack};
}

template <class T>
Index panels_scratch(const Product<T>& p) {
  Side<T> left = left_side(p), right = right_side(p);
  left.count = std::min(left.count, max_chunk_rows);
  right.count = std::min(right.count, max_chunk_columns);
  const Index depth = std::min(p.k, max_chunk_depth);
  return left.scratch_elements(depth) + right.scratch_elements(depth);
}

template <class T>
void pack_panels(const Side<T>& side, Index begin, Index end, Index depth, T* scratch) {
  const Index first = begin * side.width, last = std::min(end * side.width, side.count);
  matmul_kernels<T>().pack(scratch + first * depth, side.data + first * side.stride, side.stride, side.step,
                           last - first, side.width, depth);
}

// Packs both sides where they ask for it, and says where their panels are.
template <class T>
std::pair<Panels<T>, Panels<T>> prepare(const Side<T>& left, const Side<T>& right, Index depth, T* scratch) {
  T* right_scratch = scratch + left.scratch_elements(depth);
  const Index left_panels = left.pack ? left.panels() : 0, right_panels = right.pack ? right.panels() : 0;
  parallel_for(0, left_panels + right_panels, grain_of(depth * right.width * 8), [&](Index begin, Index end) {
    if (begin < left_panels) pack_panels(left, begin, std::min(end, left_panels), depth, scratch);
    if (end > left_panels) {
      pack_panels(right, std::max(begin - left_panels, Index{0}), end - left_panels, depth, right_scratch);
    }
  });
  return {left.pack ? left.packed(scratch, depth) : left.in_place(),
          right.pack ? right.packed(right_scratch, depth) : right.in_place()};
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

// The tasks are the tile rows of the first column block, then those of the second, ...
template <class T>
void multiply_chunk(const Product<T>& p, T* scratch) {
  const auto [a, b] = prepare(left_side(p), right_side(p), p.k, scratch);
  const Index height = matmul_kernels<T>().tile_rows, tiles = ceil_div(p.m, height);
  const Index width = tiles >= 8 ? column_block : column_block / 4, tasks = tiles * ceil_div(p.n, width);
  parallel_for(0, tasks, grain_of(height * std::min(width, p.n) * p.k), [&](Index begin, Index end) {
    while (begin < end) {
      const Index tile = begin % tiles, column = begin / tiles * width;
      const Index count = std::min({end - begin, tiles - tile, tiles_in_block}), row = tile * height;
      multiply_block(p, a, b, tile, row, std::min(count * height, p.m - row), column, std::min(width, p.n - column));
      begin += count;
    }
  });
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

template <class T>
void multiply_panels(const Product<T>& p, T* scratch) {
  const Index rows = even_piece(p.m, max_chunk_rows, matmul_kernels<T>().tile_rows);
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

// ------------------------------------------------------------------------------------------------------ any product

template <class T>
Index scratch_elements(const Product<T>& p) {
  if (is_vector_product(p)) return p.k;
  if (is_dot_product(p)) return p.b.row_stride == 1 ? 0 : p.k * p.n;
  return panels_scratch(p);
}

template <class T>
void multiply(const Product<T>& p, T* scratch) {
  if (p.k == 0) {
    if (!p.accumulate) fill_with_zeros(p);
    finish(p, 0, 0, p.m, p.n);
  } else if (is_vector_product(p)) {
    multiply_vector(p, scratch);
  } else if (is_dot_product(p)) {
    multiply_by_dots(p, scratch);
  } else {
    multiply_panels(p, scratch);
  }
}

// The stride between the elements of a single column means nothing; 1 lets the column be read in place.
template <class T>
Product<T> with_plain_strides(Product<T> p) {
  if (p.n == 1) p.b.column_stride = 1;
  return p;
}

}  // namespace

template <class T>
void gemm(Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c, Index ldc, bool accumulate,
          const Epilogue<T>& epilogue) {
  if (m == 0 || n == 0) return;
  const Product<T> product = with_plain_strides<T>({m, n, k, a, b, c, ldc, accumulate, epilogue});
  multiply(product, scratch_memory<T>(scratch_elements(product)));
}

namespace detail {

template <class T>
void gemm_batched(Index batch, Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c, Index ldc,
                  bool accumulate, OffsetFunction offsets, const void* context) {
  if (batch == 0 || m == 0 || n == 0) return;
  const Product<T> first = with_plain_strides<T>({m, n, k, a, b, c, ldc, accumulate, {}});
  const auto multiply_one = [&](Index i, T* scratch) {
    const ProductOffsets at = offsets(context, i);
    Product<T> product = first;
    product.a.data += at.a;
    product.b.data += at.b;
    product.c += at.c;
    multiply(product, scratch);
  };
  const Index elements = scratch_elements(first), slots = std::min(batch, batch_slots);
  const bool side_by_side = batch > 1 && elements * slots <= max_chunk_rows * max_chunk_depth;
  T* scratch = scratch_memory<T>(side_by_side ? elements * slots : elements);
  if (!side_by_side) {
    for (Index i = 0; i < batch; ++i) multiply_one(i, scratch);
    return;
  }
  parallel_for(0, slots, grain_of(first.work() * batch / slots), [&](Index begin, Index end) {
    for (Index slot = begin; slot < end; ++slot) {
      for (Index i = slot * batch / slots; i < (slot + 1) * batch / slots; ++i) {
        multiply_one(i, scratch + slot * elements);
      }
    }
  });
}

template void gemm_batched(Index, Index, Index, Index, MatrixView<float>, MatrixView<float>, float*, Index, bool,
                           OffsetFunction, const void*);
template void gemm_batched(Index, Index, Index, Index, MatrixView<double>, MatrixView<double>, double*, Index, bool,
                           OffsetFunction, const void*);

}  // namespace detail

template void gemm(Index, Index, Index, MatrixView<float>, MatrixView<float>, float*, Index, bool,
                   const Epilogue<float>&);
template void gemm(Index, Index, Index, MatrixView<double>, MatrixView<double>, double*, Index, bool,
                   const Epilogue<double>&);

}  // namespace fastgrad
