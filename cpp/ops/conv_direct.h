// Convolutions of float32 images without a matrix of columns.
#pragma once

#include "core/tensor.h"
#include "kernels.h"

namespace fastgrad::ops {

// The sizes of a convolution of `batch` images (groups * channels, in) that gives images (groups * filters, out).
// w.padding may be negative: then windows begin inside of the image.
struct DirectConvolution {
  Windows w;
  Index batch, groups, channels, filters;  // channels and filters of one group

  Index taps() const { return w.kernel[0] * w.kernel[1] * w.kernel[2]; }
  Index depth() const { return channels * taps(); }
  Index plane_in() const { return w.in[0] * w.in[1] * w.in[2]; }
  Index plane_out() const { return w.out[0] * w.out[1] * w.out[2]; }
};

// Whether the scratch memory is small; matrices of columns are for the rest (huge dilations and paddings).
bool fits_direct(const DirectConvolution& c);

// out = the convolution of x with weight (groups * filters, channels, kernel), plus bias unless that is null. When
// `flipped`, weight is (groups * channels, filters, kernel) and its kernels are turned around, which makes this the
// gradient of the image from that of the result.
void convolve_direct(const DirectConvolution& c, float* out, const float* x, const float* weight, const float* bias,
                     bool flipped);

// The same for kernels of 3 x 3 with stride 1 and enough channels and filters, where that is quicker.
bool fits_winograd(const DirectConvolution& c);
void convolve_winograd(const DirectConvolution& c, float* out, const float* x, const float* weight, const float* bias,
                       bool flipped);

// dx, the gradient of the image, from that of the result and the weight, all contiguous; the first tells whether this
// is possible.
bool fits_direct_input(const DirectConvolution& c);
void input_gradient_direct(const DirectConvolution& c, const Tensor& dx, const Tensor& g, const Tensor& weight);

// dw (groups * filters, channels, kernel) = the gradient of the weight, from the image and the gradient of the result.
void weight_gradient_direct(const DirectConvolution& c, float* dw, const float* x, const float* g);

}  // namespace fastgrad::ops
