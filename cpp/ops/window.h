// Windows over images, from the arguments of convolutions and pools.
#pragma once

#include "ops/ops.h"

namespace fastgrad::ops {

// Sizes beyond this, of which products could overflow, are no sizes of windows.
inline constexpr Index largest_option = Index{1} << 30;

// One number, or one for each of `n` dimensions, as one for each, none below `least`.
inline Dims for_each_dim(const char* op, const char* what, const Dims& given, int n, Index least) {
  if (given.size() != 1 && given.size() != n) {
    fail(op, ": ", what, " must be one number or ", n, " numbers, got ", given);
  }
  const Dims all = given.size() == n ? given : Dims(n, given[0]);
  for (const Index value : all) {
    if (value < least || value > largest_option) {
      fail(op, ": ", what, " must be at least ", least, " and at most 2**30, got ", given);
    }
  }
  return all;
}

// How windows lie over images of n dimensions.
struct WindowOptions {
  Dims kernel, stride, padding, dilation;

  WindowOptions(const char* op, const Dims& size, const Dims& step, const Dims& pad, const Dims& dilate)
      : kernel(for_each_dim(op, "kernel_size", size, size.size(), 1)),
        stride(step.empty() ? kernel : for_each_dim(op, "stride", step, size.size(), 1)),
        padding(for_each_dim(op, "padding", pad, size.size(), 0)),
        dilation(for_each_dim(op, "dilation", dilate, size.size(), 1)) {}

  int dims() const { return kernel.size(); }
  Index extent(int d) const { return dilation[d] * (kernel[d] - 1) + 1; }

  // How many windows there are along a dimension of this size.
  Index count(int d, Index size, bool ceil_mode = false) const {
    const Index room = size + 2 * padding[d] - extent(d);
    if (room < 0 && !ceil_mode) return 0;
    const Index rounded = room + (ceil_mode ? stride[d] - 1 : 0);
    if (rounded < 0) return 0;
    const Index n = rounded / stride[d] + 1;
    return ceil_mode && (n - 1) * stride[d] >= size + padding[d] ? n - 1 : n;  // none begins behind the image
  }
};

// The sizes of the last n dimensions.
inline Dims last_sizes(const Tensor& x, int n) {
  Dims sizes(n);
  for (int d = 0; d < n; ++d) sizes[d] = x.sizes[x.dim() - n + d];
  return sizes;
}

// Where dimension d of n stands among three.
inline int place_of(int d, int n) { return 3 - n + d; }

}  // namespace fastgrad::ops
