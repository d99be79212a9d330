// Counting.
#include <algorithm>
#include <limits>

#include "ops/ops.h"

namespace fastgrad::ops {

Tensor bincount(const Tensor& x, const OptionalTensor& weights, Index minlength) {
  if (x.dim() != 1 || is_floating(x.dtype) || x.dtype == DType::boolean) {
    fail("bincount: expected a 1-d tensor of non-negative integers, got shape ", x.sizes, " and ", dtype_name(x.dtype));
  }
  if (minlength < 0) fail("bincount: minlength should be >= 0, got ", minlength);
  const Tensor bins = contiguous(cast(x, DType::int64));
  if (weights && !(weights->sizes == x.sizes)) {
    fail("bincount: weights should have the same shape as input: ", weights->sizes, " and ", x.sizes);
  }
  Index size = minlength;
  for (Index i = 0; i < bins.numel(); ++i) {
    const Index bin = bins.data<Index>()[i];
    if (bin < 0) fail("bincount: expected non-negative integers, got ", bin, " at position ", i);
    if (bin == std::numeric_limits<Index>::max())
      fail("bincount: ", bin, " at position ", i, " is too large to count to");
    size = std::max(size, bin + 1);
  }
  if (!weights) {
    Tensor out = zeros({size}, DType::int64);
    for (Index i = 0; i < bins.numel(); ++i) ++out.data<Index>()[bins.data<Index>()[i]];
    return out;
  }
  const Tensor w = contiguous(cast(*weights, DType::float64));
  Tensor out = zeros({size}, DType::float64);
  for (Index i = 0; i < bins.numel(); ++i) out.data<double>()[bins.data<Index>()[i]] += w.data<double>()[i];
  return weights->dtype == DType::float32 ? cast(out, DType::float32) : out;
}

}  // namespace fastgrad::ops
