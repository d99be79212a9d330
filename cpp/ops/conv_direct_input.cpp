// Direct convolutions: the gradient of the image. The elements of an image that lie a multiple of the stride apart, a
// phase, meet the same elements of the kernels; their gradient is a convolution of stride 1 of the result's gradient
// with these elements, turned around.
#include <algorithm>

#include "ops/conv_direct.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

// The phase that begins at `place` along dimension d: elements first, first + stride, ... of the kernel, `taps` of
// them.
struct Phase {
  Index place, first, taps, size;
};

Phase phase_of(const Windows& w, int d, Index place) {
  const Index stride = w.stride[d], first = (place + w.padding[d]) % stride;
  return {place, first, first < w.kernel[d] ? (w.kernel[d] - first - 1) / stride + 1 : 0,
          place < w.in[d] ? (w.in[d] - place - 1) / stride + 1 : 0};
}

DirectConvolution turned_around(const DirectConvolution& c, const Phase* phase) {
  DirectConvolution turned{c.w, c.batch, c.groups, c.filters, c.channels};
  for (int d = 0; d < 3; ++d) {
    const Index before = (phase[d].place + c.w.padding[d] - phase[d].first) / c.w.stride[d];
    turned.w.in[d] = c.w.out[d];
    turned.w.out[d] = phase[d].size;
    turned.w.kernel[d] = phase[d].taps;
    turned.w.stride[d] = 1;
    turned.w.padding[d] = c.w.dilation[d] * (phase[d].taps - 1) - before;
  }
  return turned;
}

// Every stride-th element of the last three dimensions of a contiguous tensor (a, b, sizes ...), as a view.
Tensor every(const Tensor& x, Index a, Index b, const Index* sizes, const Phase* phase, Index Phase::* first,
             Index Phase::* count, const Index* stride) {
  const Index plane = sizes[1] * sizes[2], volume = sizes[0] * plane;
  const Index offset = phase[0].*first * plane + phase[1].*first * sizes[2] + phase[2].*first;
  return x.view({a, b, phase[0].*count, phase[1].*count, phase[2].*count},
                {b * volume, volume, stride[0] * plane, stride[1] * sizes[2], stride[2]}, x.offset + offset);
}

bool is_strided(const Windows& w) { return w.stride[0] != 1 || w.stride[1] != 1 || w.stride[2] != 1; }

void compute_phase(const DirectConvolution& c, const Tensor& dx, const Tensor& g, const Tensor& weight,
                   const Phase* phase) {
  const Windows& w = c.w;
  if (phase[0].taps * phase[1].taps * phase[2].taps * phase[0].size * phase[1].size * phase[2].size == 0) return;
  const DirectConvolution turned = turned_around(c, phase);
  if (!is_strided(w)) {
    convolve_direct(turned, dx.data<float>(), g.data<float>(), weight.data<float>(), nullptr, true);
    return;
  }
  const Tensor kernels = contiguous(
      every(weight, c.groups * c.filters, c.channels, w.kernel, phase, &Phase::first, &Phase::taps, w.stride));
  const Tensor to = every(dx, c.batch, c.groups * c.channels, w.in, phase, &Phase::place, &Phase::size, w.stride);
  const Tensor part = empty(to.sizes, DType::float32);
  convolve_direct(turned, part.data<float>(), g.data<float>(), kernels.data<float>(), nullptr, true);
  copy_(to, part);
}

}  // namespace

bool fits_direct_input(const DirectConvolution& c) {
  Phase largest[3];
  for (int d = 0; d < 3; ++d) {
    if (c.w.stride[d] > 1 && c.w.dilation[d] > 1) return false;
    const Index stride = c.w.stride[d];
    largest[d] = {0, 0, (c.w.kernel[d] - 1) / stride + 1, (c.w.in[d] - 1) / stride + 1};
  }
  return fits_direct(turned_around(c, largest));
}

void input_gradient_direct(const DirectConvolution& c, const Tensor& dx, const Tensor& g, const Tensor& weight) {
  const Windows& w = c.w;
  const bool gaps = w.kernel[0] < w.stride[0] || w.kernel[1] < w.stride[1] || w.kernel[2] < w.stride[2];
  if (gaps) std::fill_n(dx.data<float>(), dx.numel(), 0.0F);
  for (Index d = 0; d < std::min(w.stride[0], w.in[0]); ++d) {
    for (Index h = 0; h < std::min(w.stride[1], w.in[1]); ++h) {
      for (Index k = 0; k < std::min(w.stride[2], w.in[2]); ++k) {
        const Phase phase[] = {phase_of(w, 0, d), phase_of(w, 1, h), phase_of(w, 2, k)};
        compute_phase(c, dx, g, weight, phase);
      }
    }
  }
}

}  // namespace fastgrad::ops
