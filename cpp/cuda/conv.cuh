// What the kernels of convolutions share.
#pragma once

#include <limits>

#include "core/tensor.h"
#include "cuda/launch.cuh"
#include "cuda/number.cuh"
#include "kernels.h"

namespace fastgrad::cuda {

__host__ __device__ inline Index volume(const Index* sizes) { return sizes[0] * sizes[1] * sizes[2]; }

// f(I{}) with the quickest type for counts up to n. It must be unsigned: a product of strides wraps around then.
template <class F>
void with_index(Index n, const F& f) {
  if (n <= std::numeric_limits<std::int32_t>::max()) {
    f(std::uint32_t{});
  } else {
    f(std::uint64_t{});
  }
}

template <class I>
inline constexpr I none = static_cast<I>(-1);

// The window along dimension d of which element k lies at `place` in the image, or `none`.
template <class I>
__device__ I window_of(const Windows& w, int d, I place, Index k) {
  const Index from_start = static_cast<Index>(place) + w.padding[d] - k * w.dilation[d];
  if (from_start < 0) return none<I>;
  const I stride = static_cast<I>(w.stride[d]), window = static_cast<I>(from_start) / stride;
  return window < static_cast<I>(w.out[d]) && window * stride == static_cast<I>(from_start) ? window : none<I>;
}

// Convolutions of one channel in each group, of floats.
void depthwise(const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor* bias, const Windows& w);
void depthwise_input(const Tensor& out, const Tensor& g, const Tensor& weight, const Windows& w);
void depthwise_weight(const Tensor& out, const Tensor& x, const Tensor& g, const Windows& w);

}  // namespace fastgrad::cuda
