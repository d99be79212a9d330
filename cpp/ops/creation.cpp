// New tensors.
#include "ops/ops.h"

namespace fastgrad::ops {

Tensor empty_in_order_of(const Tensor& x, DType dtype) {
  const Dims order = memory_order(x);
  Dims back(x.dim());
  for (int d = 0; d < x.dim(); ++d) back[static_cast<int>(order[d])] = d;
  return permute(empty(permute(x, order).sizes, dtype), back);
}

Tensor full(const Dims& sizes, Scalar value, DType dtype) {
  Tensor out = empty(sizes, dtype);
  fill_(out, value);
  out.storage->version = 0;  // the first content is no change
  return out;
}

Tensor zeros(const Dims& sizes, DType dtype) { return full(sizes, Scalar::of(Index{0}), dtype); }

Tensor arange(Scalar start, Scalar step, Index n, DType dtype) {
  Tensor out = empty({n}, dtype);
  visit_every_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* to = out.data<T>();
    if constexpr (std::is_integral_v<T>) {
      for (Index i = 0; i < n; ++i) to[i] = static_cast<T>(start.integer + i * step.integer);
    } else {
      for (Index i = 0; i < n; ++i) to[i] = rounded_to<T>(start.floating + static_cast<double>(i) * step.floating);
    }
  });
  return out;
}

Tensor linspace(double start, double end, Index n, DType dtype) {
  if (n < 0) fail("linspace: number of steps must be non-negative, got ", n);
  Tensor out = empty({n}, dtype);
  const double step = n > 1 ? (end - start) / static_cast<double>(n - 1) : 0;
  visit_every_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    // From both ends towards the middle, so that the last element is exactly `end`.
    for (Index i = 0; i < n; ++i) {
      const double value =
          i < n / 2 || n == 1 ? start + step * static_cast<double>(i) : end - step * static_cast<double>(n - 1 - i);
      out.data<T>()[i] = rounded_to<T>(value);
    }
  });
  return out;
}

Tensor eye(Index rows, Index columns, DType dtype) {
  if (rows < 0 || columns < 0) fail("eye: sizes must be 0 or more, got ", rows, " and ", columns);
  const Tensor out = zeros({rows, columns}, dtype);
  const Index n = rows < columns ? rows : columns;
  const Tensor diagonal = as_strided(out, {n}, {columns + 1}, 0);
  fill_(diagonal, Scalar::of(Index{1}));
  out.storage->version = 0;
  return out;
}

}  // namespace fastgrad::ops
