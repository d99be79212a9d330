// Convolutions as products of matrices: the windows of some images become the columns of a matrix, which the weight
// multiplies. How many windows there are at a time is bounded by the memory for their columns. Depthwise ones have
// kernels of their own (cuda/conv_depthwise.cu).
#include <algorithm>

#include "cuda/bias.cuh"
#include "cuda/conv.cuh"
#include "cuda/families.h"
#include "cuda/gemm.h"
#include "cuda/gemm_kernels.cuh"
#include "ops/ops.h"

namespace fastgrad::cuda {
namespace {

constexpr Index scratch_bytes = Index{256} << 20;

// Windows [first_window, first_window + windows) of `images` images, and how far apart their columns lie: rows of the
// matrix, one for each element of a window in each channel, and images.
struct Part {
  Index images, first_window, windows;
  Index row_pitch, image_pitch;
};

// ---------------------------------------------------------------------------------------------- columns and back

// A thread copies what one window has of one channel.
template <class I, class T>
__global__ void unfold_windows(T* columns, const T* images, Windows w, I channels, Part part, Index threads) {
  const I width = static_cast<I>(w.out[2]), high = static_cast<I>(w.out[1]);
  const Index plane = w.in[0] * w.in[1] * w.in[2], taps = w.kernel[0] * w.kernel[1] * w.kernel[2];
  for (Index t = thread_index(); t < threads; t += thread_count()) {
    const I column = static_cast<I>(t) % static_cast<I>(part.windows);
    const I channel_of_all = static_cast<I>(t) / static_cast<I>(part.windows);
    const I channel = channel_of_all % channels, image = channel_of_all / channels;
    const I window = static_cast<I>(part.first_window) + column;
    const Index d = window / width / high * w.stride[0] - w.padding[0];
    const Index h = window / width % high * w.stride[1] - w.padding[1];
    const Index x = window % width * w.stride[2] - w.padding[2];
    const T* const from = images + channel_of_all * plane;
    T* to = columns + image * part.image_pitch + channel * taps * part.row_pitch + column;
    for (Index kd = 0; kd < w.kernel[0]; ++kd) {
      const Index at_d = d + kd * w.dilation[0];
      for (Index kh = 0; kh < w.kernel[1]; ++kh) {
        const Index at_h = h + kh * w.dilation[1];
        const bool row_is_inside = at_d >= 0 && at_d < w.in[0] && at_h >= 0 && at_h < w.in[1];
        const T* const row = from + (at_d * w.in[1] + at_h) * w.in[2];
        for (Index kx = 0; kx < w.kernel[2]; ++kx, to += part.row_pitch) {
          const Index at_x = x + kx * w.dilation[2];
          *to = row_is_inside && at_x >= 0 && at_x < w.in[2] ? row[at_x] : T{};
        }
      }
    }
  }
}

// A thread adds up what the windows have of one element of an image, in the order of their elements.
template <class I, class T>
__global__ void fold_windows(T* images, const T* columns, Windows w, I channels, Part part, bool add, Index threads) {
  const I wide = static_cast<I>(w.in[2]), high = static_cast<I>(w.in[1]), deep = static_cast<I>(w.in[0]);
  const Index last_window = part.first_window + part.windows;
  for (Index t = thread_index(); t < threads; t += thread_count()) {
    const I x = static_cast<I>(t) % wide, row = static_cast<I>(t) / wide;
    const I h = row % high, slice = row / high;
    const I d = slice % deep, channel_of_all = slice / deep;
    const I channel = channel_of_all % channels, image = channel_of_all / channels;
    const T* from = columns + image * part.image_pitch +
                    channel * (w.kernel[0] * w.kernel[1] * w.kernel[2]) * part.row_pitch - part.first_window;
    T sum = add ? images[t] : T{};
    for (Index kd = 0; kd < w.kernel[0]; ++kd) {
      const I in_d = window_of(w, 0, static_cast<I>(d), kd);
      for (Index kh = 0; kh < w.kernel[1]; ++kh) {
        const I in_h = in_d == none<I> ? none<I> : window_of(w, 1, h, kh);
        for (Index kx = 0; kx < w.kernel[2]; ++kx, from += part.row_pitch) {
          const I in_x = in_h == none<I> ? none<I> : window_of(w, 2, x, kx);
          if (in_x == none<I>) continue;
          const Index window = (static_cast<Index>(in_d) * w.out[1] + in_h) * w.out[2] + in_x;
          if (window >= part.first_window && window < last_window) sum = static_cast<T>(sum + from[window]);
        }
      }
    }
    images[t] = sum;
  }
}

void unfold_part(const Tensor& columns, const void* images, const Windows& w, Index channels, const Part& part) {
  const Index threads = part.images * channels * part.windows;
  if (threads == 0) return;
  visit_width(columns.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    with_index(std::max({threads, volume(w.in), volume(w.out)}), [&](auto index) {
      using I = decltype(index);
      launch("unfold", unfold_windows<I, T>, blocks_for(threads), block_threads, 0, static_cast<T*>(columns.address()),
             static_cast<const T*>(images), w, static_cast<I>(channels), part, threads);
    });
  });
}

void fold_part(void* images, const Tensor& columns, const Windows& w, Index channels, const Part& part, bool add) {
  const Index threads = part.images * channels * volume(w.in);
  if (threads == 0) return;
  visit_dtype(columns.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    with_index(std::max({threads, volume(w.in), volume(w.out)}), [&](auto index) {
      using I = decltype(index);
      launch("fold", fold_windows<I, T>, blocks_for(threads), block_threads, 0, static_cast<T*>(images),
             static_cast<const T*>(columns.address()), w, static_cast<I>(channels), part, add, threads);
    });
  });
}

// ------------------------------------------------------------------------------------------------- convolutions

struct Convolution {
  Windows w;
  DType dtype;
  Index batch, groups, channels, filters;

  Index filters_each() const { return filters / groups; }
  Index depth() const { return channels / groups * volume(w.kernel); }
  Index rows() const { return channels * volume(w.kernel); }
  Index windows() const { return volume(w.out); }
  Index image() const { return channels * volume(w.in); }
  bool is_depthwise() const { return groups > 1 && groups == channels && is_floating(dtype); }
  // The image is its own matrix of columns.
  bool is_direct() const {
    for (int d = 0; d < 3; ++d) {
      if (w.kernel[d] != 1 || w.stride[d] != 1 || w.padding[d] != 0) return false;
    }
    return true;
  }
};

Convolution convolution_of(const Tensor& image, Index filters, const Windows& w, Index groups) {
  return {w, image.dtype, image.sizes[0], groups, image.sizes[1], filters};
}

// How many images, or else windows of one image, become columns at a time.
struct Portion {
  Index images, windows;

  Portion(const Convolution& c) {
    const Index columns =
        std::max<Index>(1, scratch_bytes / static_cast<Index>(item_size(c.dtype)) / std::max<Index>(1, c.rows()));
    images = std::clamp<Index>(columns / c.windows(), 1, c.batch);
    windows = std::min(columns, c.windows());
  }
};

// f(first image, part) for all windows of all images. Columns of an image follow each other or, `by_rows`, rows of all.
template <class F>
void for_parts(const Convolution& c, bool by_rows, const F& f) {
  const Portion portion(c);
  for (Index first = 0; first < c.batch; first += portion.images) {
    const Index images = std::min(portion.images, c.batch - first);
    for (Index window = 0; window < c.windows(); window += portion.windows) {
      const Index windows = std::min(portion.windows, c.windows() - window);
      f(first, by_rows ? Part{images, window, windows, images * windows, windows}
                       : Part{images, window, windows, windows, c.rows() * windows});
    }
  }
}

Tensor scratch(const Convolution& c) {
  const Portion portion(c);
  return empty({portion.images * portion.windows * c.rows()}, c.dtype);
}

const char* element(const Tensor& t, Index i) {
  return static_cast<const char*>(t.address()) + i * static_cast<Index>(item_size(t.dtype));
}
char* element_to(const Tensor& t, Index i) {
  return static_cast<char*>(t.address()) + i * static_cast<Index>(item_size(t.dtype));
}

}  // namespace

void unfold(const Tensor& columns, const Tensor& images, const Windows& w) {
  const Index channels = images.sizes[1], windows = volume(w.out);
  unfold_part(columns, images.address(), w, channels,
              {images.sizes[0], 0, windows, windows, channels * volume(w.kernel) * windows});
}

void fold(const Tensor& images, const Tensor& columns, const Windows& w) {
  const Index channels = images.sizes[1], windows = volume(w.out);
  fold_part(images.address(), columns, w, channels,
            {images.sizes[0], 0, windows, windows, channels * volume(w.kernel) * windows}, false);
}

void convolution(const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor* bias, const Windows& w,
                 Index groups) {
  const Convolution c = convolution_of(x, weight.sizes[0], w, groups);
  if (c.is_depthwise()) return depthwise(out, x, weight, bias, w);
  if (bias != nullptr) fill_with_bias(out, *bias, c.windows());
  const Index rows = c.filters_each(), depth = c.depth(), windows = c.windows();
  const auto multiply_part = [&](const Tensor& columns, Index first, const Part& part) {
    Product p{c.dtype, rows, part.windows, depth};
    p.a = {weight.address(), depth, 1, 0, rows * depth};
    p.b = {columns.address(), part.row_pitch, 1, part.image_pitch, depth * part.row_pitch};
    p.c = element_to(out, first * c.filters * windows + part.first_window);
    p.c_row = windows;
    p.c_outer = c.filters * windows;
    p.c_inner = rows * windows;
    p.outer = part.images;
    p.inner = groups;
    p.accumulate = bias != nullptr;
    multiply(p);
  };
  if (c.is_direct()) return multiply_part(x, 0, {c.batch, 0, windows, windows, c.image()});
  const Tensor columns = scratch(c);
  for_parts(c, false, [&](Index first, const Part& part) {
    unfold_part(columns, element(x, first * c.image()), w, c.channels, part);
    multiply_part(columns, first, part);
  });
}

void convolution_input(const Tensor& out, const Tensor& g, const Tensor& weight, const Windows& w, Index groups) {
  const Convolution c = convolution_of(out, weight.sizes[0], w, groups);
  if (c.is_depthwise()) return depthwise_input(out, g, weight, w);
  const Index rows = c.filters_each(), depth = c.depth(), windows = c.windows();
  const auto multiply_part = [&](const Tensor& columns, Index first, const Part& part) {
    Product p{c.dtype, depth, part.windows, rows};
    p.a = {weight.address(), 1, depth, 0, rows * depth};
    p.b = {element(g, first * c.filters * windows + part.first_window), windows, 1, c.filters * windows,
           rows * windows};
    p.c = columns.address();
    p.c_row = part.row_pitch;
    p.c_outer = part.image_pitch;
    p.c_inner = depth * part.row_pitch;
    p.outer = part.images;
    p.inner = groups;
    multiply(p);
  };
  if (c.is_direct()) return multiply_part(out, 0, {c.batch, 0, windows, windows, c.image()});
  const Tensor columns = scratch(c);
  for_parts(c, false, [&](Index first, const Part& part) {
    multiply_part(columns, first, part);
    fold_part(element_to(out, first * c.image()), columns, w, c.channels, part, part.first_window > 0);
  });
}

// The images lie side by side in the rows of both factors, so that one product adds up over all of them.
void convolution_weight(const Tensor& out, const Tensor& x, const Tensor& g, const Windows& w, Index groups) {
  const Convolution c = convolution_of(x, g.sizes[1], w, groups);
  if (c.is_depthwise()) return depthwise_weight(out, x, g, w);
  const Index rows = c.filters_each(), depth = c.depth(), windows = c.windows();
  const Tensor columns = scratch(c);
  bool accumulate = false;
  for_parts(c, true, [&](Index first, const Part& part) {
    unfold_part(columns, element(x, first * c.image()), w, c.channels, part);
    const Tensor some = ops::narrow(g, 0, first, part.images);
    const Tensor by_windows =
        ops::narrow(ops::view(some, {part.images, c.filters, windows}), 2, part.first_window, part.windows);
    const Tensor gradient = ops::contiguous(ops::transpose(by_windows, 0, 1));
    Product p{c.dtype, rows, depth, part.row_pitch};
    p.a = {gradient.address(), part.row_pitch, 1, 0, rows * part.row_pitch};
    p.b = {columns.address(), 1, part.row_pitch, 0, depth * part.row_pitch};
    p.c = out.address();
    p.c_row = depth;
    p.c_inner = rows * depth;
    p.inner = groups;
    p.accumulate = accumulate;
    multiply(p);
    accumulate = true;
  });
}

}  // namespace fastgrad::cuda
