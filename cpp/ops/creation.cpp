// New tensors.
#include "ops/ops.h"

namespace fastgrad::ops {

Tensor full(const Dims& sizes, Scalar value, DType dtype) {
  Tensor out = empty(sizes, dtype);
  fill_(out, value);
  out.storage->version = 0;  // the first content is no change
  return out;
}

Tensor zeros(const Dims& sizes, DType dtype) { return full(sizes, Scalar::of(Index{0}), dtype); }

Tensor full_like(const Tensor& x, Scalar value, DType dtype) {
  Tensor out = empty_in_order_of(x, dtype);
  fill_(out, value);
  out.storage->version = 0;
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
