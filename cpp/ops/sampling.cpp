// Weighted sums of pixels that are looked up by number: all kinds of interpolation at given places, and the gradients.
#include <algorithm>
#include <cstdint>

#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

// Places of one plane that are computed together.
constexpr Index block = 4096;

// The numbers of the problem: so many images, channels, pixels of each, terms of a sum, and places.
struct Sizes {
  Index images, channels, pixels, taps, places;

  Index blocks() const { return (places + block - 1) / block; }
  Index block_size(Index b) const { return std::min(block, places - b * block); }
};

void check_taps(const char* name, const Tensor& values, const Tensor& index, const Tensor& share) {
  if (values.dim() != 3 || index.dim() != 3 || !(index.sizes == share.sizes) || values.sizes[0] != index.sizes[0] ||
      index.dtype != DType::int64 || share.dtype != values.dtype || !is_floating(values.dtype)) {
    fail(name,
         ": expected floats of shape [images, channels, n], and places and shares of one shape [images, taps, m],"
         " got ",
         values.sizes, ", ", index.sizes, " and ", share.sizes);
  }
}

// Whether a place lies inside of the image; all others count as zeros.
bool is_inside(Index place, Index pixels) {
  return static_cast<std::uint64_t>(place) < static_cast<std::uint64_t>(pixels);
}

template <class F>
void for_floats(DType dtype, const F& f) {
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) f(T{});
  });
}

// Calls f(i, b) for all blocks of places of `count` rows of them.
template <class F>
void for_blocks(Index count, const Sizes& n, Index work, const F& f) {
  const Index blocks = n.blocks(), grain = std::max<Index>(1, pointwise_grain / 4 / std::max<Index>(1, work));
  parallel_for(0, count * blocks, grain, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) f(i / blocks, i % blocks);
  });
}

// On a CUDA device, made of other operations. One more pixel, a zero, stands for all that lie outside.
namespace on_cuda {

Tensor times(const Tensor& a, const Tensor& b) { return binary(Binary::mul, "sample", {&a, {}}, {&b, {}}); }

// For each channel the places of all taps: [images, channels, taps * places].
Tensor of_channels(const Tensor& index, Index channels, Index pixels) {
  const Tensor low = binary(Binary::lt, "sample", {&index, {}}, {nullptr, Scalar::of(Index{0})});
  const Tensor inside = where(low, {nullptr, Scalar::of(pixels)}, {&index, {}});
  const Tensor places = binary(Binary::minimum, "sample", {&inside, {}}, {nullptr, Scalar::of(pixels)});
  const Dims& n = index.sizes;
  return expand(view(contiguous(places), {n[0], 1, n[1] * n[2]}), {n[0], channels, n[1] * n[2]});
}

// The pixels that are looked up: [images, channels, taps, places].
Tensor taken(const Tensor& pixels, const Tensor& index) {
  const Dims &p = pixels.sizes, &n = index.sizes;
  const Tensor padded = cat({pixels, zeros({p[0], p[1], 1}, pixels.dtype)}, 2);
  return view(gather(padded, 2, of_channels(index, p[1], p[2])), {p[0], p[1], n[1], n[2]});
}

Tensor sample(const Tensor& pixels, const Tensor& index, const Tensor& share) {
  return sum(times(taken(pixels, index), unsqueeze(share, 1)), {2}, false, std::nullopt);
}

Tensor pixels_backward(const Tensor& grad, const Tensor& index, const Tensor& share, Index count) {
  const Dims &g = grad.sizes, &n = index.sizes;
  const Tensor parts = contiguous(times(unsqueeze(grad, 2), unsqueeze(share, 1)));
  const Tensor out = zeros({g[0], g[1], count + 1}, grad.dtype);
  scatter_("sample", Scatter::add, out, 2, of_channels(index, g[1], count), view(parts, {g[0], g[1], n[1] * n[2]}));
  return contiguous(narrow(out, 2, 0, count));
}

Tensor shares_backward(const Tensor& grad, const Tensor& pixels, const Tensor& index) {
  return sum(times(taken(pixels, index), unsqueeze(grad, 2)), {1}, false, std::nullopt);
}

}  // namespace on_cuda

}  // namespace

// pixels: [images, channels, pixels]; index, share: [images, taps, places]. The result: [images, channels, places].
Tensor sample(const Tensor& pixels, const Tensor& index, const Tensor& share) {
  check_taps("sample", pixels, index, share);
  if (pixels.device().is_cuda()) return on_cuda::sample(pixels, index, share);
  const Sizes n{pixels.sizes[0], pixels.sizes[1], pixels.sizes[2], index.sizes[1], index.sizes[2]};
  const Tensor from = contiguous(pixels), at = contiguous(index), weight = contiguous(share);
  const Tensor out = empty({n.images, n.channels, n.places}, pixels.dtype);
  for_floats(pixels.dtype, [&]<class T>(T) {
    for_blocks(n.images * n.channels, n, std::min(block, n.places) * n.taps, [&](Index plane, Index b) {
      const Index first = b * block, size = n.block_size(b);
      T* to = out.data<T>() + plane * n.places + first;
      const T* image = from.data<T>() + plane * n.pixels;
      std::fill_n(to, size, T{0});
      for (Index t = 0; t < n.taps; ++t) {
        const Index start = (plane / n.channels * n.taps + t) * n.places + first;
        const Index* place = at.data<Index>() + start;
        const T* factor = weight.data<T>() + start;
        for (Index i = 0; i < size; ++i) {
          if (is_inside(place[i], n.pixels)) to[i] += image[place[i]] * factor[i];
        }
      }
    });
  });
  return out;
}

// The gradient of the pixels, `count` in each plane.
Tensor sample_pixels_backward(const Tensor& grad, const Tensor& index, const Tensor& share, Index count) {
  check_taps("sample_pixels_backward", grad, index, share);
  if (grad.device().is_cuda()) return on_cuda::pixels_backward(grad, index, share, count);
  const Sizes n{grad.sizes[0], grad.sizes[1], count, index.sizes[1], index.sizes[2]};
  const Tensor from = contiguous(grad), at = contiguous(index), weight = contiguous(share);
  const Tensor out = zeros({n.images, n.channels, n.pixels}, grad.dtype);
  for_floats(grad.dtype, [&]<class T>(T) {
    const Index grain = std::max<Index>(1, pointwise_grain / 4 / std::max<Index>(1, n.taps * n.places));
    parallel_for(0, n.images * n.channels, grain, [&](Index begin, Index end) {
      for (Index plane = begin; plane < end; ++plane) {
        T* to = out.data<T>() + plane * n.pixels;
        const T* g = from.data<T>() + plane * n.places;
        for (Index t = 0; t < n.taps; ++t) {
          const Index start = (plane / n.channels * n.taps + t) * n.places;
          const Index* place = at.data<Index>() + start;
          const T* factor = weight.data<T>() + start;
          for (Index i = 0; i < n.places; ++i) {
            if (is_inside(place[i], n.pixels)) to[place[i]] += g[i] * factor[i];
          }
        }
      }
    });
  });
  return out;
}

// The gradient of the shares.
Tensor sample_shares_backward(const Tensor& grad, const Tensor& pixels, const Tensor& index) {
  if (!(grad.dim() == 3 && pixels.dim() == 3) || grad.sizes[1] != pixels.sizes[1]) {
    fail("sample_shares_backward: expected [images, channels, n] twice, got ", grad.sizes, " and ", pixels.sizes);
  }
  const Tensor out = zeros(index.sizes, grad.dtype);
  check_taps("sample_shares_backward", pixels, index, out);
  if (grad.device().is_cuda()) return on_cuda::shares_backward(grad, pixels, index);
  const Sizes n{grad.sizes[0], grad.sizes[1], pixels.sizes[2], index.sizes[1], index.sizes[2]};
  const Tensor g = contiguous(grad), from = contiguous(pixels), at = contiguous(index);
  for_floats(grad.dtype, [&]<class T>(T) {
    for_blocks(n.images * n.taps, n, std::min(block, n.places) * n.channels, [&](Index row, Index b) {
      const Index first = b * block, size = n.block_size(b);
      const Index* place = at.data<Index>() + row * n.places + first;
      T* to = out.data<T>() + row * n.places + first;
      for (Index c = 0; c < n.channels; ++c) {
        const Index plane = row / n.taps * n.channels + c;
        const T* image = from.data<T>() + plane * n.pixels;
        const T* upstream = g.data<T>() + plane * n.places + first;
        for (Index i = 0; i < size; ++i) {
          if (is_inside(place[i], n.pixels)) to[i] += image[place[i]] * upstream[i];
        }
      }
    });
  });
  return out;
}

}  // namespace fastgrad::ops
