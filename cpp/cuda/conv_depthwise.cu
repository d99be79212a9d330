// Convolutions of one channel in each group: there is nothing to multiply by matrices, so a thread computes an element.
#include <algorithm>

#include "cuda/conv.cuh"

namespace fastgrad::cuda {
namespace {

// A depthwise convolution: `each` filters for every channel.
struct Shape {
  Windows w;
  Index batch, channels, each;

  __host__ __device__ Index filters() const { return channels * each; }
};

template <class I, class T>
__global__ void convolve_channels(T* out, const T* x, const T* weight, const T* bias, Shape s, Index threads) {
  const Windows& w = s.w;
  const I wide = static_cast<I>(w.out[2]), high = static_cast<I>(w.out[1]), deep = static_cast<I>(w.out[0]);
  const Index taps = volume(w.kernel), plane = volume(w.in);
  for (Index t = thread_index(); t < threads; t += thread_count()) {
    const I column = static_cast<I>(t) % wide, row = static_cast<I>(t) / wide;
    const I slice = row / high, filter_of_all = slice / deep;
    const Index filter = filter_of_all % static_cast<I>(s.filters()),
                image = filter_of_all / static_cast<I>(s.filters());
    const Index d = slice % deep * w.stride[0] - w.padding[0], h = row % high * w.stride[1] - w.padding[1];
    const Index first = column * w.stride[2] - w.padding[2];
    const T* const from = x + (image * s.channels + filter / s.each) * plane;
    const T* tap = weight + filter * taps;
    T sum = bias == nullptr ? T{} : bias[filter];
    for (Index kd = 0; kd < w.kernel[0]; ++kd) {
      const Index at_d = d + kd * w.dilation[0];
      for (Index kh = 0; kh < w.kernel[1]; ++kh) {
        const Index at_h = h + kh * w.dilation[1];
        const bool is_inside = at_d >= 0 && at_d < w.in[0] && at_h >= 0 && at_h < w.in[1];
        for (Index kx = 0; kx < w.kernel[2]; ++kx, ++tap) {
          const Index at = first + kx * w.dilation[2];
          if (is_inside && at >= 0 && at < w.in[2]) sum += from[(at_d * w.in[1] + at_h) * w.in[2] + at] * *tap;
        }
      }
    }
    out[t] = sum;
  }
}

template <class I, class T>
__global__ void gather_channels(T* out, const T* g, const T* weight, Shape s, Index threads) {
  const Windows& w = s.w;
  const I wide = static_cast<I>(w.in[2]), high = static_cast<I>(w.in[1]), deep = static_cast<I>(w.in[0]);
  const Index windows = volume(w.out);
  for (Index t = thread_index(); t < threads; t += thread_count()) {
    const I x = static_cast<I>(t) % wide, row = static_cast<I>(t) / wide;
    const I h = row % high, slice = row / high, d = slice % deep, channel_of_all = slice / deep;
    const Index channel = channel_of_all % static_cast<I>(s.channels), filter = channel * s.each;
    const T* from = g + static_cast<Index>(channel_of_all) * s.each * windows;
    const T* tap = weight + filter * volume(w.kernel);
    T sum{};
    for (Index f = 0; f < s.each; ++f, from += windows) {
      for (Index kd = 0; kd < w.kernel[0]; ++kd) {
        const I in_d = window_of(w, 0, d, kd);
        for (Index kh = 0; kh < w.kernel[1]; ++kh) {
          const I in_h = in_d == none<I> ? none<I> : window_of(w, 1, h, kh);
          for (Index kx = 0; kx < w.kernel[2]; ++kx, ++tap) {
            const I in_x = in_h == none<I> ? none<I> : window_of(w, 2, x, kx);
            if (in_x != none<I>) sum += from[(in_d * w.out[1] + in_h) * w.out[2] + in_x] * *tap;
          }
        }
      }
    }
    out[t] = sum;
  }
}

// A block adds up one element of a filter's gradient: each thread in steps, then all in a tree.
template <class I, class T>
__global__ void correlate_channels(T* out, const T* x, const T* g, Shape s) {
  __shared__ T sums[block_threads];
  const Windows& w = s.w;
  const Index taps = volume(w.kernel), windows = volume(w.out), plane = volume(w.in), filters = s.filters();
  const I wide = static_cast<I>(w.out[2]), high = static_cast<I>(w.out[1]), in_image = static_cast<I>(windows);
  for (Index element = blockIdx.x; element < filters * taps; element += gridDim.x) {
    const Index filter = element / taps, tap = element % taps, channel = filter / s.each;
    const Index d = tap / w.kernel[2] / w.kernel[1] * w.dilation[0] - w.padding[0];
    const Index h = tap / w.kernel[2] % w.kernel[1] * w.dilation[1] - w.padding[1];
    const Index start = tap % w.kernel[2] * w.dilation[2] - w.padding[2];
    T sum{};
    for (I i = threadIdx.x; i < static_cast<I>(s.batch) * in_image; i += block_threads) {
      const I image = i / in_image, window = i % in_image, row = window / wide;
      const Index at_d = row / high * w.stride[0] + d, at_h = row % high * w.stride[1] + h;
      const Index at = window % wide * w.stride[2] + start;
      if (at_d < 0 || at_d >= w.in[0] || at_h < 0 || at_h >= w.in[1] || at < 0 || at >= w.in[2]) continue;
      sum += g[(image * filters + filter) * windows + window] *
             x[(image * s.channels + channel) * plane + (at_d * w.in[1] + at_h) * w.in[2] + at];
    }
    sums[threadIdx.x] = sum;
    for (unsigned half = block_threads / 2; half > 0; half /= 2) {
      __syncthreads();
      if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    if (threadIdx.x == 0) out[element] = sums[0];
    __syncthreads();
  }
}

// f(TypeTag<T>{}) for float and double.
template <class F>
void visit_floats(DType dtype, const F& f) {
  if (dtype == DType::float64) return f(TypeTag<double>{});
  f(TypeTag<float>{});
}

template <class T>
const T* data(const Tensor& t) {
  return static_cast<const T*>(t.address());
}

Shape shape_of(const Tensor& image, Index filters, const Windows& w) {
  return {w, image.sizes[0], image.sizes[1], filters / image.sizes[1]};
}

}  // namespace

void depthwise(const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor* bias, const Windows& w) {
  const Index threads = out.numel();
  visit_floats(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    with_index(threads, [&](auto index) {
      using I = decltype(index);
      launch("conv", convolve_channels<I, T>, blocks_for(threads), block_threads, 0, static_cast<T*>(out.address()),
             data<T>(x), data<T>(weight), bias == nullptr ? nullptr : data<T>(*bias), shape_of(x, weight.sizes[0], w),
             threads);
    });
  });
}

void depthwise_input(const Tensor& out, const Tensor& g, const Tensor& weight, const Windows& w) {
  const Index threads = out.numel();
  visit_floats(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    with_index(threads, [&](auto index) {
      using I = decltype(index);
      launch("conv", gather_channels<I, T>, blocks_for(threads), block_threads, 0, static_cast<T*>(out.address()),
             data<T>(g), data<T>(weight), shape_of(out, weight.sizes[0], w), threads);
    });
  });
}

void depthwise_weight(const Tensor& out, const Tensor& x, const Tensor& g, const Windows& w) {
  visit_floats(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    with_index(g.numel(), [&](auto index) {
      using I = decltype(index);
      const dim3 grid(static_cast<unsigned>(std::min<Index>(out.numel(), std::numeric_limits<std::int32_t>::max())));
      launch("conv", correlate_channels<I, T>, grid, block_threads, 0, static_cast<T*>(out.address()), data<T>(x),
             data<T>(g), shape_of(x, g.sizes[1], w));
    });
  });
}

}  // namespace fastgrad::cuda
