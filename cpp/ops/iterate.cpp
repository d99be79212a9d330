#include "ops/iterate.h"

namespace fastgrad {

Dims broadcast_shapes(const char* op, const Dims& a, const Dims& b) {
  if (a == b) return a;
  const int n = std::max(a.size(), b.size());
  Dims shape(n);
  for (int i = 1; i <= n; ++i) {
    const Index x = i <= a.size() ? a[a.size() - i] : 1;
    const Index y = i <= b.size() ? b[b.size() - i] : 1;
    if (x != y && x != 1 && y != 1) {
      fail(op, ": The size of tensor a (", x, ") must match the size of tensor b (", y, ") at non-singleton dimension ",
           n - i, "; the shapes are ", a, " and ", b, ". Reshape one of them so that each dimension is equal or 1.");
    }
    shape[n - i] = x == 1 ? y : x;
  }
  return shape;
}

Dims broadcast_strides(const Tensor& t, const Dims& shape) {
  Dims strides(shape.size());
  const int extra = shape.size() - t.dim();
  for (int d = 0; d < t.dim(); ++d) {
    strides[d + extra] = t.sizes[d] == 1 && shape[d + extra] != 1 ? 0 : t.strides[d];
  }
  return strides;
}

}  // namespace fastgrad
