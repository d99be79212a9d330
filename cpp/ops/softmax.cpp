// Softmax and log-softmax along any dimension.
#include <algorithm>

#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

void check_float(const char* op, const Tensor& x) {
  if (!is_floating(x.dtype)) {
    fail(ErrorKind::not_implemented, op, ": not implemented for ", dtype_name(x.dtype),
         " tensors; convert with .float() or give dtype");
  }
}

// The tensor with `dim` last and contiguous, so that each row is what the kernels see.
Tensor as_rows(const Tensor& x, int dim) {
  return contiguous(x.dim() < 2 || dim == x.dim() - 1 ? x : transpose(x, dim, -1));
}

Tensor from_rows(const Tensor& rows, int dim) {
  return rows.dim() < 2 || dim == rows.dim() - 1 ? rows : contiguous(transpose(rows, dim, -1));
}

template <class F>
void for_each_row_block(const Tensor& rows, const F& f) {
  const Index n = rows.dim() == 0 ? 1 : rows.sizes.back();
  if (rows.numel() == 0) return;
  parallel_for(0, rows.numel() / n, std::max<Index>(1, pointwise_grain / 4 / n),
               [&](Index begin, Index end) { f(begin * n, end - begin, n); });
}

// Fewer columns do not fill vectors and blocks: then `dim` is moved to the end.
constexpr Index least_columns = 64;

// A contiguous tensor as a stack of matrices, of which the columns are what the kernels see.
struct Columns {
  Index matrices, rows, columns;

  Columns(const Tensor& x, int dim) : matrices(1), rows(x.dim() == 0 ? 1 : x.sizes[dim]), columns(1) {
    for (int d = 0; d < dim; ++d) matrices *= x.sizes[d];
    for (int d = dim + 1; d < x.dim(); ++d) columns *= x.sizes[d];
  }
  bool are_worth_it() const { return columns >= least_columns && matrices * rows > 0; }

  // f(offset, columns) for blocks of columns.
  template <class F>
  void for_each_block(const F& f) const {
    const Index blocks = (columns + softmax_column_block - 1) / softmax_column_block;
    const Index grain = std::max<Index>(1, pointwise_grain / 4 / (rows * softmax_column_block));
    parallel_for(0, matrices * blocks, grain, [&](Index begin, Index end) {
      for (Index b = begin; b < end; ++b) {
        const Index first = b % blocks * softmax_column_block;
        f(b / blocks * rows * columns + first, std::min(softmax_column_block, columns - first));
      }
    });
  }
};

template <class Pick, class PickColumns>
Tensor forward(const char* op, const Tensor& x, Index dim, bool logarithm, const Pick& pick,
               const PickColumns& pick_columns) {
  check_float(op, x);
  const int d = wrap_dim(dim, x.dim(), op);
  if (const Accelerator* cuda = accelerator_of(x)) {
    const Tensor out = empty(x.sizes, x.dtype);
    cuda->softmax(logarithm, out, contiguous(x), d);
    return out;
  }
  const Columns shape(x, d);
  if (shape.are_worth_it()) {
    const Tensor from = contiguous(x), out = empty(x.sizes, x.dtype);
    visit_dtype(x.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_floating_point_v<T>) {
        const auto kernel = pick_columns(kernels().floats<T>().softmax);
        shape.for_each_block([&](Index at, Index columns) {
          kernel(out.data<T>() + at, from.data<T>() + at, shape.rows, columns, shape.columns);
        });
      }
    });
    return out;
  }
  const Tensor from = as_rows(x, d), out = empty_like(from);
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const auto kernel = pick(kernels().floats<T>().softmax);
      for_each_row_block(
          from, [&](Index at, Index rows, Index n) { kernel(out.data<T>() + at, from.data<T>() + at, rows, n); });
    }
  });
  return from_rows(out, d);
}

template <class Pick, class PickColumns>
Tensor backward(const char* op, const Tensor& g, const Tensor& y, Index dim, bool logarithm, const Pick& pick,
                const PickColumns& pick_columns) {
  check_float(op, y);
  if (g.dtype != y.dtype || !(g.sizes == y.sizes)) {
    fail(op, ": the gradient must have the shape and dtype of the result, ", y.sizes, " and ", dtype_name(y.dtype),
         ", got ", g.sizes, " and ", dtype_name(g.dtype));
  }
  const int d = wrap_dim(dim, y.dim(), op);
  if (const Accelerator* cuda = accelerator_of(y)) {
    const Tensor out = empty(y.sizes, y.dtype);
    cuda->softmax_backward(logarithm, out, contiguous(g), contiguous(y), d);
    return out;
  }
  const Columns shape(y, d);
  if (shape.are_worth_it()) {
    const Tensor upstream = contiguous(g), result = contiguous(y), out = empty(y.sizes, y.dtype);
    visit_dtype(y.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_floating_point_v<T>) {
        const auto kernel = pick_columns(kernels().floats<T>().softmax);
        shape.for_each_block([&](Index at, Index columns) {
          kernel(out.data<T>() + at, upstream.data<T>() + at, result.data<T>() + at, shape.rows, columns,
                 shape.columns);
        });
      }
    });
    return out;
  }
  const Tensor upstream = as_rows(g, d), result = as_rows(y, d), out = empty_like(result);
  visit_dtype(y.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const auto kernel = pick(kernels().floats<T>().softmax);
      for_each_row_block(out, [&](Index at, Index rows, Index n) {
        kernel(out.data<T>() + at, upstream.data<T>() + at, result.data<T>() + at, rows, n);
      });
    }
  });
  return from_rows(out, d);
}

}  // namespace

Tensor softmax(const Tensor& x, Index dim) {
  return forward(
      "softmax", x, dim, false, [](const auto& k) { return k.softmax; },
      [](const auto& k) { return k.softmax_columns; });
}

Tensor log_softmax(const Tensor& x, Index dim) {
  return forward(
      "log_softmax", x, dim, true, [](const auto& k) { return k.log_softmax; },
      [](const auto& k) { return k.log_softmax_columns; });
}

Tensor softmax_backward(const Tensor& g, const Tensor& y, Index dim) {
  return backward(
      "softmax_backward", g, y, dim, false, [](const auto& k) { return k.softmax_backward; },
      [](const auto& k) { return k.softmax_columns_backward; });
}

Tensor log_softmax_backward(const Tensor& g, const Tensor& y, Index dim) {
  return backward(
      "log_softmax_backward", g, y, dim, true, [](const auto& k) { return k.log_softmax_backward; },
      [](const auto& k) { return k.log_softmax_columns_backward; });
}

}  // namespace fastgrad::ops
