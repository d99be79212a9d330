// Distances between the rows of two matrices.
#include <algorithm>
#include <cmath>

#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

// The p-norm of a - b for rows of n elements, NaN if there is one.
template <class T>
T city_block(const T* a, const T* b, Index n) {
  T total = 0;
  for (Index i = 0; i < n; ++i) total += std::abs(a[i] - b[i]);
  return total;
}

template <class T>
T euclidean(const T* a, const T* b, Index n) {
  T total = 0;
  for (Index i = 0; i < n; ++i) total += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(total);
}

template <class T>
T largest(const T* a, const T* b, Index n) {
  T found = 0;
  for (Index i = 0; i < n; ++i) {
    const T step = std::abs(a[i] - b[i]);
    if (step > found || step != step) found = step;
    if (found != found) return found;
  }
  return found;
}

template <class T>
T count_of_differences(const T* a, const T* b, Index n) {
  T count = 0;
  for (Index i = 0; i < n; ++i) count += a[i] == b[i] ? 0 : 1;
  return count;
}

template <class T>
T general(const T* a, const T* b, Index n, double p) {
  double total = 0;
  for (Index i = 0; i < n; ++i) total += std::pow(static_cast<double>(std::abs(a[i] - b[i])), p);
  return static_cast<T>(std::pow(total, 1 / p));
}

template <class T>
T distance(const T* a, const T* b, Index n, double p) {
  if (p == 1) return city_block(a, b, n);
  if (p == 2) return euclidean(a, b, n);
  if (p == 0) return count_of_differences(a, b, n);
  return std::isinf(p) ? largest(a, b, n) : general(a, b, n, p);
}

}  // namespace

// a: (batch, n, features); b: (batch, m, features)
Tensor cdist(const Tensor& a, const Tensor& b, double p) {
  if (a.dim() != 3 || b.dim() != 3 || a.sizes[0] != b.sizes[0] || a.sizes[2] != b.sizes[2] || a.dtype != b.dtype ||
      !is_floating(a.dtype)) {
    fail(
        "cdist: expected two float tensors of one dtype and shapes [batch, n, features] and [batch, m, features], got ",
        a.sizes, " and ", b.sizes, " of ", dtype_name(a.dtype), " and ", dtype_name(b.dtype));
  }
  const Index rows = a.sizes[1], columns = b.sizes[1], features = a.sizes[2];
  const Tensor left = contiguous(a), right = contiguous(b), out = empty({a.sizes[0], rows, columns}, a.dtype);
  if (out.numel() == 0) return out;
  if (const Accelerator* cuda = accelerator_of(a)) {
    cuda->cdist(out, left, right, p);
    return out;
  }
  visit_dtype(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const Index grain = std::max<Index>(1, pointwise_grain / 4 / std::max<Index>(1, features * columns));
      parallel_for(0, a.sizes[0] * rows, grain, [&](Index begin, Index end) {
        for (Index row = begin; row < end; ++row) {
          const T* x = left.data<T>() + row * features;
          const T* y = right.data<T>() + row / rows * columns * features;
          T* to = out.data<T>() + row * columns;
          for (Index j = 0; j < columns; ++j) to[j] = distance(x, y + j * features, features, p);
        }
      });
    }
  });
  return out;
}

}  // namespace fastgrad::ops
