// Chooses how to compute a matrix product, and computes those with a vector or a thin matrix in them. Which kernel
// computes an element, and over which blocks of the depth its sum runs, depends on shapes and strides only, never on
// the threads.
#include "ops/gemm.h"

#include <algorithm>

#include "core/buffer.h"
#include "core/parallel.h"
#include "ops/gemm_detail.h"

namespace fastgrad {
namespace {

using namespace detail;

// Slots of scratch memory in a batch, that is the most threads that can work on it.
constexpr Index batch_slots = 64;
// A batch that needs more scratch elements than this is no batch of small products.
constexpr Index batch_scratch = 1 << 20;

// ------------------------------------------------------------------------------------------------ scratch memory

// At least `elements` elements, kept by the thread for its next product: fresh pages cost more than packing does. It is
// a tensor's memory, so large pieces lie on huge pages.
template <class T>
T* scratch_memory(Index elements) {
  thread_local StorageRef memory;
  const std::size_t bytes = static_cast<std::size_t>(elements) * sizeof(T);
  if (bytes == 0) return nullptr;
  if (!memory || memory->bytes < bytes) {
    memory = {};
    memory = allocate_storage(bytes);
  }
  return static_cast<T*>(memory->data);
}

// -------------------------------------------------------------------------------------------- matrix times vector

// A column of C that is contiguous is a row of C', and C' = B' A'.
template <class T>
Product<T> column_as_row(const Product<T>& p) {
  if (p.n != 1 || p.ldc != 1) return p;
  const MatrixView<T> vector{p.b.data, p.b.column_stride, p.b.row_stride};
  const MatrixView<T> matrix{p.a.data, p.a.column_stride, p.a.row_stride};
  return {1, p.m, p.k, vector, matrix, p.c, p.m, p.accumulate, p.bias, p.threads};
}

template <class T>
bool is_vector_product(const Product<T>& p) {
  const Product<T> row = column_as_row(p);
  return row.m == 1 && (row.b.row_stride == 1 || row.b.column_stride == 1);
}

// The inner product of two long vectors is a sum of those of their pieces.
constexpr Index dot_piece = 16384;

template <class T>
Index dot_pieces(const Product<T>& row) {
  return row.n == 1 && row.b.row_stride == 1 ? ceil_div(row.k, dot_piece) : 1;
}

template <class T>
Index vector_scratch(const Product<T>& p) {
  const Product<T> row = column_as_row(p);
  const Index pieces = dot_pieces(row);
  return (row.b.row_stride == 1 && row.a.column_stride != 1 ? row.k : 0) + (pieces > 1 ? pieces : 0);
}

template <class T>
void multiply_long_vectors(const Product<T>& row, const T* vector, T* partial) {
  const Index pieces = dot_pieces(row);
  parallel_for(0, pieces, grain_of(dot_piece * 8), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index first = i * dot_piece;
      matmul_kernels<T>().dot(partial + i, 1, row.b.data + first, row.k, vector + first, row.k, 1, 1,
                              std::min(dot_piece, row.k - first), false);
    }
  });
  T total = row.accumulate ? *row.c : T{0};
  for (Index i = 0; i < pieces; ++i) total += partial[i];
  *row.c = total;
}

template <class T>
void multiply_vector(const Product<T>& p, T* scratch) {
  const Product<T> row = column_as_row(p);
  const MatmulKernels<T>& kernel = matmul_kernels<T>();
  const bool by_dots = row.b.row_stride == 1;
  // Long pieces of the matrix's rows, if it is read along them.
  const Index unit = by_dots ? 64 : std::max<Index>(64, ceil_div(row.n, 128 * p.threads) * 64);
  const T* vector = row.a.data;
  if (by_dots && row.a.column_stride != 1) {
    kernel.pack(scratch, vector, 1, row.a.column_stride, 1, 1, row.k);
    vector = scratch;
    scratch += row.k;
  }
  if (dot_pieces(row) > 1) {
    multiply_long_vectors(row, vector, scratch);
    return finish(p, 0, 0, p.m, p.n);
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

// Dot products read both operands along the depth. Adding up the lanes at the end makes them worth it only for sums
// much longer than a vector, and there must be few columns, which would leave most of a tile empty, or too few rows to
// pay for packing B.
template <class T>
bool is_dot_product(const Product<T>& p) {
  if (p.a.column_stride != 1 || p.k < 64) return false;
  return p.b.row_stride == 1 ? p.n <= 16 || p.m <= 32 : p.n <= 16 && p.m >= 16 && p.k <= 1 << 16;
}

// B with its columns contiguous: copied, which many rows of A share, unless it has them.
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

// ------------------------------------------------------------------------------------------------------ any product

template <class T>
void fill_with_zeros(const Product<T>& p) {
  for (Index i = 0; i < p.m; ++i) std::fill_n(p.c + i * p.ldc, p.n, T{0});
}

template <class T>
Index scratch_elements(const Product<T>& p) {
  if (p.k == 0) return 0;
  if (is_vector_product(p)) return vector_scratch(p);
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

// The stride between the elements of a single row or column means nothing; 1 lets it be read in place.
template <class T>
Product<T> with_plain_strides(Product<T> p) {
  if (p.n == 1) p.b.column_stride = 1;
  if (p.m == 1) p.a.row_stride = 1;
  if (p.k == 1) p.a.column_stride = 1;
  return p;
}

}  // namespace

template <class T>
void gemm(Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c, Index ldc, bool accumulate, Bias<T> bias) {
  if (m == 0 || n == 0) return;
  const Product<T> product = with_plain_strides<T>({m, n, k, a, b, c, ldc, accumulate, bias});
  multiply(product, scratch_memory<T>(scratch_elements(product)));
}

namespace detail {

template <class T>
void gemm_batched(Index batch, Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c, Index ldc,
                  bool accumulate, Bias<T> bias, OffsetFunction offsets, const void* context) {
  if (batch == 0 || m == 0 || n == 0) return;
  const Product<T> first = with_plain_strides<T>({m, n, k, a, b, c, ldc, accumulate, bias});
  const auto multiply_one = [&](Index i, T* scratch) {
    const ProductOffsets at = offsets(context, i);
    Product<T> product = first;
    product.a.data += at.a;
    product.b.data += at.b;
    product.c += at.c;
    if (bias.data != nullptr) product.bias.data += at.bias;
    multiply(product, scratch);
  };
  const Index elements = scratch_elements(first), slots = std::min(batch, batch_slots);
  const bool occupies_threads = batch >= num_threads() || first.work() < 16 * parallel_work;
  const bool side_by_side = batch > 1 && occupies_threads && elements * slots <= batch_scratch;
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
                           Bias<float>, OffsetFunction, const void*);
template void gemm_batched(Index, Index, Index, Index, MatrixView<double>, MatrixView<double>, double*, Index, bool,
                           Bias<double>, OffsetFunction, const void*);

}  // namespace detail

template void gemm(Index, Index, Index, MatrixView<float>, MatrixView<float>, float*, Index, bool, Bias<float>);
template void gemm(Index, Index, Index, MatrixView<double>, MatrixView<double>, double*, Index, bool, Bias<double>);

}  // namespace fastgrad
