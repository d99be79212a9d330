// Factorisations of matrices and solves with triangular ones. All are recursive (Toledo 1997): each cuts its matrix in
// half, so that nearly all of the work is matrix products; what is left at the bottom are plain loops.
#include <algorithm>
#include <cmath>
#include <utility>

#include "ops/gemm.h"
#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

// Matrices of so many rows or columns are not cut any further.
constexpr Index smallest = 24;

// Part of a matrix that is changed in place; its rows are contiguous.
template <class T>
struct Block {
  T* data;
  Index rows, columns, stride;

  T* row(Index i) const { return data + i * stride; }
  Block part(Index i, Index j, Index part_rows, Index part_columns) const {
    return {data + i * stride + j, part_rows, part_columns, stride};
  }
  MatrixView<T> view() const { return {data, stride, 1}; }
  MatrixView<T> transposed() const { return {data, 1, stride}; }
};

template <class T>
MatrixView<T> from(const MatrixView<T>& a, Index i, Index j) {
  return {a.data + i * a.row_stride + j * a.column_stride, a.row_stride, a.column_stride};
}

template <class T>
Tensor negated(const MatrixView<T>& a, Index rows, Index columns) {
  const Tensor copy = empty({rows, columns}, DTypeOf<T>::value);
  T* to = copy.data<T>();
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < columns; ++j) *to++ = -a.data[i * a.row_stride + j * a.column_stride];
  }
  return copy;
}

// to[j] -= factor * from[j]
template <class T>
void subtract_row(T* to, const T* from, T factor, Index n) {
  for (Index j = 0; j < n; ++j) to[j] -= factor * from[j];
}

// c -= a b, with `depth` columns of a.
template <class T>
void subtract_product(const Block<T>& c, const MatrixView<T>& a, const MatrixView<T>& b, Index depth) {
  if (c.rows == 0 || c.columns == 0) return;
  if (c.rows < c.columns) {
    const Tensor left = negated(a, c.rows, depth);
    gemm<T>(c.rows, c.columns, depth, {left.data<T>(), depth, 1}, b, c.data, c.stride, true);
  } else {
    const Tensor right = negated(b, depth, c.columns);
    gemm<T>(c.rows, c.columns, depth, a, {right.data<T>(), c.columns, 1}, c.data, c.stride, true);
  }
}

// A triangle of a matrix, the other one of which is not read; `unit`: neither is the diagonal, which is all ones.
template <class T>
struct Triangle {
  MatrixView<T> a;
  bool upper, unit;

  Triangle from_row(Index i) const { return {from(a, i, i), upper, unit}; }
};

template <class T>
void solve_by_rows(const Triangle<T>& t, const Block<T>& x) {
  const Index n = x.rows;
  for (Index step = 0; step < n; ++step) {
    const Index i = t.upper ? n - 1 - step : step;
    const T* row = t.a.data + i * t.a.row_stride;
    for (Index j = t.upper ? i + 1 : 0; j < (t.upper ? n : i); ++j) {
      subtract_row(x.row(i), x.row(j), row[j * t.a.column_stride], x.columns);
    }
    if (t.unit) continue;
    const T pivot = row[i * t.a.column_stride];
    for (Index c = 0; c < x.columns; ++c) x.row(i)[c] /= pivot;
  }
}

// x = t^-1 x
template <class T>
void solve(const Triangle<T>& t, const Block<T>& x) {
  if (x.rows <= smallest) return solve_by_rows(t, x);
  const Index half = x.rows / 2, rest = x.rows - half;
  const Block<T> top = x.part(0, 0, half, x.columns), bottom = x.part(half, 0, rest, x.columns);
  if (t.upper) {
    solve(t.from_row(half), bottom);
    subtract_product(top, from(t.a, 0, half), bottom.view(), rest);
    solve(t, top);
  } else {
    solve(t, top);
    subtract_product(bottom, from(t.a, half, 0), top.view(), half);
    solve(t.from_row(half), bottom);
  }
}

// Exchanges row i with row pivots[i] (counted from 1, as LAPACK does), for all i in order, or in reversed order.
template <class T>
void swap_rows(const Block<T>& a, const std::int32_t* pivots, Index count, bool reversed = false) {
  for (Index step = 0; step < count; ++step) {
    const Index i = reversed ? count - 1 - step : step, other = pivots[i] - 1;
    if (other != i) std::swap_ranges(a.row(i), a.row(i) + a.columns, a.row(other));
  }
}

template <class T>
void lu_by_columns(const Block<T>& a, std::int32_t* pivots) {
  for (Index j = 0; j < std::min(a.rows, a.columns); ++j) {
    Index largest = j;
    for (Index i = j + 1; i < a.rows; ++i) {
      if (std::abs(a.row(i)[j]) > std::abs(a.row(largest)[j])) largest = i;
    }
    pivots[j] = static_cast<std::int32_t>(largest + 1);
    if (largest != j) std::swap_ranges(a.row(j), a.row(j) + a.columns, a.row(largest));
    const T pivot = a.row(j)[j];
    if (pivot == 0) continue;
    for (Index i = j + 1; i < a.rows; ++i) {
      T* row = a.row(i);
      row[j] /= pivot;
      subtract_row(row + j + 1, a.row(j) + j + 1, row[j], a.columns - j - 1);
    }
  }
}

// a = L and U of its rows in the order of the pivots.
template <class T>
void lu(const Block<T>& a, std::int32_t* pivots) {
  const Index n = std::min(a.rows, a.columns);
  if (n <= smallest) return lu_by_columns(a, pivots);
  const Index half = n / 2, below = a.rows - half, right = a.columns - half;
  const Block<T> left = a.part(0, 0, a.rows, half), lower_left = a.part(half, 0, below, half);
  const Block<T> upper_right = a.part(0, half, half, right), lower_right = a.part(half, half, below, right);
  lu(left, pivots);
  swap_rows(a.part(0, half, a.rows, right), pivots, half);
  solve(Triangle<T>{left.view(), false, true}, upper_right);
  subtract_product(lower_right, lower_left.view(), upper_right.view(), half);
  lu(lower_right, pivots + half);
  swap_rows(lower_left, pivots + half, n - half);
  for (Index i = half; i < n; ++i) pivots[i] += static_cast<std::int32_t>(half);
}

template <class T>
Index cholesky_by_rows(const Block<T>& a) {
  for (Index i = 0; i < a.rows; ++i) {
    T* row = a.row(i);
    if (!(row[i] > 0)) return i + 1;
    row[i] = std::sqrt(row[i]);
    for (Index j = i + 1; j < a.rows; ++j) row[j] /= row[i];
    for (Index j = i + 1; j < a.rows; ++j) subtract_row(a.row(j) + j, row + j, row[j], a.rows - j);
  }
  return 0;
}

// The upper triangle of a = U with U^T U = a; the lower one is garbage afterwards. Returns 0, or the order of the first
// leading minor that is not positive.
template <class T>
Index cholesky(const Block<T>& a) {
  if (a.rows <= smallest) return cholesky_by_rows(a);
  const Index half = a.rows / 2, rest = a.rows - half;
  const Block<T> upper_left = a.part(0, 0, half, half), upper_right = a.part(0, half, half, rest);
  if (const Index order = cholesky(upper_left); order != 0) return order;
  solve(Triangle<T>{upper_left.transposed(), false, false}, upper_right);
  const Block<T> lower_right = a.part(half, half, rest, rest);
  subtract_product(lower_right, upper_right.transposed(), upper_right.view(), half);
  const Index order = cholesky(lower_right);
  return order == 0 ? 0 : order + half;
}

// The dimensions in front of the matrices.
Dims batch_of(const Tensor& t) {
  Dims batch = t.sizes;
  batch.erase(batch.size() - 1);
  batch.erase(batch.size() - 1);
  return batch;
}

Dims with(Dims batch, std::initializer_list<Index> sizes) {
  for (Index n : sizes) batch.push_back(n);
  return batch;
}

// A contiguous copy.
Tensor copied(const Tensor& x, const Dims& sizes) {
  const Tensor out = empty(sizes, x.dtype);
  copy_(out, x);
  return out;
}

template <class T>
Block<T> block_at(const Tensor& t, Index i) {
  const Index rows = t.sizes[t.dim() - 2], columns = t.sizes.back();
  return {t.data<T>() + i * rows * columns, rows, columns, columns};
}

// f(T{}, i) for i < count: small matrices in parallel with each other, large ones in turn, because matrix products
// are parallel themselves. `size`: the number of rows or columns that decides.
template <class F>
void for_each_matrix(DType dtype, Index count, Index size, const F& f) {
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const auto some = [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) f(T{}, i);
      };
      if (size <= smallest) {
        parallel_for(0, count, std::max<Index>(1, pointwise_grain / std::max<Index>(1, size * size)), some);
      } else {
        some(0, count);
      }
    }
  });
}

void check_matrices(const char* op, const Tensor& a, bool square) {
  if (!is_floating(a.dtype)) fail(op, ": expected a float tensor, got ", dtype_name(a.dtype), "; use .float()");
  if (a.dim() < 2) fail(op, ": the input must have at least 2 dimensions, got shape ", a.sizes);
  if (square && a.sizes[a.dim() - 2] != a.sizes.back()) {
    fail(op, ": A must be batches of square matrices, but they are ", a.sizes[a.dim() - 2], " by ", a.sizes.back(),
         " matrices");
  }
}

// That A X = B makes sense.
void check_system(const char* op, const Tensor& a, const Tensor& b) {
  check_matrices(op, a, true);
  check_matrices(op, b, false);
  if (a.dtype != b.dtype) {
    fail(op, ": expected A and B to have the same dtype, but found ", dtype_name(a.dtype), " and ", dtype_name(b.dtype),
         "; convert one of them with .to(...)");
  }
  if (a.sizes.back() != b.sizes[b.dim() - 2]) {
    fail(op, ": incompatible shapes of A and B for the equation AX = B (", a.sizes, " and ", b.sizes,
         "): A must have as many columns as B has rows");
  }
}

// A copy of B for every system that A and B make together.
Tensor right_hand_sides(const char* op, const Tensor& a, const Tensor& b) {
  const Dims batch = broadcast_shapes(op, batch_of(a), batch_of(b));
  return copied(b, with(batch, {b.sizes[b.dim() - 2], b.sizes.back()}));
}

// Where the matrix of A lies for the i-th of the systems.
class Matrices {
 public:
  Matrices(const Tensor& a, const Dims& batch) : a_(a), walk_(batch, {strides(a, batch)}) {}
  Index count() const { return walk_.outer() * walk_.inner(); }
  template <class T>
  MatrixView<T> at(Index i) const {
    const Index inner = walk_.inner();
    const Index offset = walk_.offsets(i / inner)[0] + (i % inner) * walk_.strides[0].back();
    return {a_.data<T>() + offset, a_.strides[a_.dim() - 2], a_.strides[a_.dim() - 1]};
  }

 private:
  static Dims strides(const Tensor& a, const Dims& batch) {
    Tensor front = a;
    for (Dims* dims : {&front.sizes, &front.strides}) {
      dims->erase(dims->size() - 1);
      dims->erase(dims->size() - 1);
    }
    return broadcast_strides(front, batch);
  }

  const Tensor& a_;
  Walk<1> walk_;
};

// The pivots of lu_factor, checked to be usable: exchanges of rows below `rows`.
Tensor checked_pivots(const char* op, const Tensor& pivots, const Dims& batch, Index count, Index rows) {
  if (pivots.dtype != DType::int32 || pivots.dim() == 0 || pivots.sizes.back() != count) {
    fail(op, ": expected int32 pivots of shape [..., ", count, "], as lu_factor() gives them, got ",
         dtype_name(pivots.dtype), " of shape ", pivots.sizes);
  }
  const Tensor all = copied(pivots, with(batch, {count}));
  const std::int32_t* values = all.data<std::int32_t>();
  for (Index i = 0; i < all.numel(); ++i) {
    if (values[i] < 1 || values[i] > rows) {
      fail(op, ": pivots given to ", op, " must all be in the range [1, ", rows, "], got ", values[i],
           "; pass those that lu_factor() gave");
    }
  }
  return all;
}

}  // namespace

std::pair<Tensor, Tensor> lu_factor(const Tensor& a) {
  check_matrices("lu_factor", a, false);
  const Tensor out = copied(a, a.sizes);
  const Index n = std::min(a.sizes[a.dim() - 2], a.sizes.back());
  const Tensor pivots = empty(with(batch_of(a), {n}), DType::int32);
  const Index count = n == 0 ? 0 : pivots.numel() / n;
  for_each_matrix(a.dtype, count, n,
                  [&](auto t, Index i) { lu(block_at<decltype(t)>(out, i), pivots.data<std::int32_t>() + i * n); });
  return {out, pivots};
}

Tensor lu_solve(const Tensor& lu, const Tensor& pivots, const Tensor& b, bool adjoint) {
  check_system("lu_solve", lu, b);
  const Tensor x = right_hand_sides("lu_solve", lu, b);
  const Index n = lu.sizes.back();
  const Tensor swaps = checked_pivots("lu_solve", pivots, batch_of(x), n, n);
  if (x.numel() == 0) return x;
  const Matrices matrices(lu, batch_of(x));
  for_each_matrix(x.dtype, matrices.count(), n, [&](auto t, Index i) {
    using T = decltype(t);
    const Block<T> block = block_at<T>(x, i);
    const MatrixView<T> a = matrices.at<T>(i);
    const MatrixView<T> transposed = {a.data, a.column_stride, a.row_stride};
    const std::int32_t* swap = swaps.data<std::int32_t>() + i * n;
    if (!adjoint) swap_rows(block, swap, n);
    solve(adjoint ? Triangle<T>{transposed, false, false} : Triangle<T>{a, false, true}, block);
    solve(adjoint ? Triangle<T>{transposed, true, true} : Triangle<T>{a, true, false}, block);
    if (adjoint) swap_rows(block, swap, n, true);
  });
  return x;
}

Tensor lu_permutation(const Tensor& pivots, Index rows, DType dtype) {
  if (pivots.dim() == 0) fail("lu_unpack: expected pivots of at least 1 dimension, got shape []");
  Dims batch = pivots.sizes;
  batch.erase(batch.size() - 1);
  const Index n = pivots.sizes.back();
  const Tensor swaps = checked_pivots("lu_unpack", pivots, batch, n, rows);
  const Tensor out = copied(eye(rows, rows, dtype), with(batch, {rows, rows}));
  const Index count = rows == 0 ? 0 : out.numel() / (rows * rows);
  for_each_matrix(dtype, count, rows, [&](auto t, Index i) {
    swap_rows(block_at<decltype(t)>(out, i), swaps.data<std::int32_t>() + i * n, n, true);
  });
  return out;
}

Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper, bool unitriangular) {
  check_system("linalg.solve_triangular", a, b);
  const Tensor x = right_hand_sides("linalg.solve_triangular", a, b);
  if (x.numel() == 0) return x;
  const Matrices matrices(a, batch_of(x));
  for_each_matrix(x.dtype, matrices.count(), a.sizes.back(), [&](auto t, Index i) {
    using T = decltype(t);
    solve(Triangle<T>{matrices.at<T>(i), upper, unitriangular}, block_at<T>(x, i));
  });
  return x;
}

std::pair<Tensor, Tensor> cholesky(const Tensor& a) {
  check_matrices("cholesky", a, true);
  const Tensor out = copied(a, a.sizes), info = zeros(batch_of(a), DType::int32);
  const Index n = a.sizes.back();
  for_each_matrix(a.dtype, n == 0 ? 0 : info.numel(), n, [&](auto t, Index i) {
    const auto block = block_at<decltype(t)>(out, i);
    info.data<std::int32_t>()[i] = static_cast<std::int32_t>(cholesky(block));
    for (Index row = 1; row < n; ++row) std::fill_n(block.row(row), row, decltype(t){0});
  });
  return {out, info};
}

}  // namespace fastgrad::ops
