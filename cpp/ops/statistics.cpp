// Counting.
#include <algorithm>
#include <limits>

#include "accelerator.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

// One more than the largest number.
Index bins_needed(const Tensor& bins) {
  if (bins.numel() == 0) return 0;
  const Index lowest = item(amin(bins, {}, false)).integer, highest = item(amax(bins, {}, false)).integer;
  const bool negative = lowest < 0;
  if (!negative && highest < std::numeric_limits<Index>::max()) return highest + 1;
  const Tensor all = to_device(bins, host_device, false);
  const Index* begin = all.data<Index>();
  const auto position = std::find(begin, begin + all.numel(), negative ? lowest : highest) - begin;
  if (negative) fail("bincount: expected non-negative integers, got ", lowest, " at position ", position);
  fail("bincount: ", highest, " at position ", position, " is too large to count to");
}

}  // namespace

Tensor bincount(const Tensor& x, const OptionalTensor& weights, Index minlength) {
  if (x.dim() != 1 || is_floating(x.dtype) || x.dtype == DType::boolean) {
    fail("bincount: expected a 1-d tensor of non-negative integers, got shape ", x.sizes, " and ", dtype_name(x.dtype));
  }
  if (minlength < 0) fail("bincount: minlength should be >= 0, got ", minlength);
  if (weights && !(weights->sizes == x.sizes)) {
    fail("bincount: weights should have the same shape as input: ", weights->sizes, " and ", x.sizes);
  }
  const Tensor bins = contiguous(x.dtype == DType::int64 ? x : cast(x, DType::int64));
  const Index size = std::max(minlength, bins_needed(bins)), n = bins.numel();
  const Accelerator* const cuda = accelerator_of(x);
  if (!weights) {
    Tensor out = zeros({size}, DType::int64);
    if (cuda != nullptr) {
      if (n > 0) cuda->count_numbers(out, bins);
      return out;
    }
    const Index* bin = bins.data<Index>();
    Index* count = out.data<Index>();
    for (Index i = 0; i < n; ++i) ++count[bin[i]];
    return out;
  }
  const Tensor all = contiguous(cast(*weights, DType::float64));
  Tensor out = zeros({size}, DType::float64);
  if (cuda != nullptr) {
    if (n > 0) cuda->sum_by_number(out, bins, all);
  } else {
    const Index* bin = bins.data<Index>();
    const double* weight = all.data<double>();
    double* total = out.data<double>();
    for (Index i = 0; i < n; ++i) total[bin[i]] += weight[i];
  }
  return weights->dtype == DType::float32 ? cast(out, DType::float32) : out;
}

}  // namespace fastgrad::ops
