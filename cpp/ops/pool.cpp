// Pools: the largest element or the average of every window of an image.
#include <algorithm>
#include <array>

#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/window.h"

namespace fastgrad::ops {
namespace {

constexpr const char* max_names[] = {"max_pool1d", "max_pool2d", "max_pool3d"};
constexpr const char* avg_names[] = {"avg_pool1d", "avg_pool2d", "avg_pool3d"};
constexpr const char* adaptive_max_names[] = {"adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"};
constexpr const char* adaptive_avg_names[] = {"adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"};

const char* name_of(const char* const* names, int n) {
  if (n < 1 || n > 3) fail(names[1], ": expected sizes for one to three dimensions, got ", n);
  return names[n - 1];
}

// What the windows cover along each dimension.
class Cover {
 public:
  Cover() {
    for (int d = 0; d < 3; ++d) set(d, {});
  }
  Cover(Cover&&) = default;  // a moved list stays where it is, a copied one would not

  void set(int d, const SpanRule<Index>& rule) {
    std::vector<Span>& list = lists_[d];
    list.resize(static_cast<std::size_t>(rule.out));
    for (Index i = 0; i < rule.out; ++i) {
      const auto [begin, end, size] = rule[i];
      list[i] = {begin, end, size};
    }
    spans_.in[d] = rule.in;
    spans_.step[d] = rule.dilation;
    spans_.out[d] = rule.out;
    spans_.span[d] = list.data();
    spans_.reach[d] = 1;
    for (const Span& span : list) spans_.reach[d] = std::max(spans_.reach[d], places(span, rule.dilation));
    rules_.along[d] = rule;
    rules_.along[d].has_empty =
        std::any_of(list.begin(), list.end(), [](const Span& span) { return span.begin == span.end; });
    rules_.reach[d] = spans_.reach[d];
    if (d == 2) find_whole();
  }

  const Spans& spans() const { return spans_; }
  const SpanRules& rules() const { return rules_; }
  Index in() const { return spans_.in[0] * spans_.in[1] * spans_.in[2]; }
  Index out() const { return spans_.out[0] * spans_.out[1] * spans_.out[2]; }

  bool small() const {
    Index places = 1;
    for (const Index n : spans_.reach) places *= std::min(n, largest_small_window + 1);
    return places <= largest_small_window;
  }

  // f(begin, end) for parts of the planes, in parallel.
  template <class F>
  void for_planes(Index planes, const F& f) const {
    parallel_for(0, planes, std::max<Index>(1, pointwise_grain / 4 / std::max<Index>(1, in() + out())), f);
  }

 private:
  static Index places(const Span& span, Index step) { return (span.end - span.begin + step - 1) / step; }

  // The first run of windows that are alike, where it is long enough to be worth computing as vectors.
  void find_whole() {
    const std::vector<Span>& all = lists_[2];
    const auto whole = [&](const Span& span) { return places(span, spans_.step[2]) == spans_.reach[2]; };
    const auto first = std::find_if(all.begin(), all.end(), whole);
    auto last = first;
    const Index stride = all.end() - first > 1 ? first[1].begin - first[0].begin : 1;
    while (last != all.end() && whole(*last) && last->size == first->size &&
           last->begin == first->begin + (last - first) * stride) {
      ++last;
    }
    const bool worth = last - first >= 4;
    spans_.whole_begin = worth ? first - all.begin() : 0;
    spans_.whole_end = worth ? last - all.begin() : 0;
    spans_.stride = stride;
  }

  std::array<std::vector<Span>, 3> lists_;
  Spans spans_ = {};
  SpanRules rules_ = {};
};

void check_image(const char* op, const Tensor& x, int n) {
  if (x.dim() != n + 1 && x.dim() != n + 2) {
    fail(op, ": Expected ", n + 1, "D or ", n + 2,
         "D (batch mode) tensor, (channels, ...) or (batch, channels, ...), "
         "but got input of shape ",
         x.sizes);
  }
  for (int d = x.dim() - n - 1; d < x.dim(); ++d) {
    if (x.sizes[d] == 0) {
      fail(op, ": Expected input with non-zero sizes apart from the batch, but got shape ", x.sizes);
    }
  }
}

// The shape of a result: the image's with other sizes at the end.
Dims resized(const Tensor& x, const Dims& sizes) {
  Dims shape = x.sizes;
  for (int d = 0; d < sizes.size(); ++d) shape[x.dim() - sizes.size() + d] = sizes[d];
  return shape;
}

Dims counts(const char* op, const WindowOptions& o, const Dims& image, bool ceil_mode) {
  Dims sizes(o.dims());
  for (int d = 0; d < o.dims(); ++d) {
    if (o.padding[d] > o.extent(d) / 2) {
      fail(op, ": pad should be at most half of effective kernel size, but got padding ", o.padding,
           " for kernel_size ", o.kernel, " and dilation ", o.dilation);
    }
    sizes[d] = o.count(d, image[d], ceil_mode);
    if (sizes[d] < 1) {
      fail(op, ": an input of size ", image, " is too small for windows of kernel_size ", o.kernel, ", stride ",
           o.stride, ", padding ", o.padding, " and dilation ", o.dilation,
           "; use a larger input, a smaller kernel or more padding");
    }
  }
  return sizes;
}

// An average is divided by `divisor`, if it is not 0.
Cover cover_of(const WindowOptions& o, const Dims& image, const Dims& sizes, bool count_padding, Index divisor = 0) {
  Cover cover;
  for (int d = 0; d < o.dims(); ++d) {
    const Index share = divisor == 0 || d == 0 ? divisor : 1;
    cover.set(place_of(d, o.dims()),
              {image[d], sizes[d], o.stride[d], o.padding[d], o.extent(d), o.dilation[d], count_padding, share});
  }
  return cover;
}

// Windows that share a dimension of any size among them.
Cover adaptive_cover(const Dims& image, const Dims& sizes) {
  Cover cover;
  for (int d = 0; d < sizes.size(); ++d) cover.set(place_of(d, sizes.size()), {image[d], sizes[d], 0});
  return cover;
}

Dims adaptive_sizes(const char* op, const Dims& sizes) {
  return for_each_dim(op, "output_size", sizes, sizes.size(), 0);
}

template <class Loop>
Loop checked_kernel(const char* op, const Loop* loops, DType dtype) {
  const Loop loop = loops[static_cast<int>(dtype)];
  if (loop == nullptr) {
    fail(ErrorKind::not_implemented, op,
         ": not implemented for tensors of bools, and of integers but where PyTorch "
         "has that; convert the input, e.g. with .float()");
  }
  return loop;
}

template <class Loop>
Loop floats_only(const char* op, const Loop* loops, DType dtype) {
  return checked_kernel(op, loops, is_floating(dtype) ? dtype : DType::boolean);
}

char* element(const Tensor& t, Index i) {
  return static_cast<char*>(t.raw()) + i * static_cast<Index>(item_size(t.dtype));
}

// The largest elements and where they are: numbers in their windows where these are small, places in the image
// otherwise.
std::pair<Tensor, Tensor> largest(const char* op, const Tensor& x, const Dims& sizes, const Cover& cover) {
  const bool small = cover.small();
  const MaxPoolLoop kernel = checked_kernel(op, small ? kernels().max_pool_small : kernels().max_pool, x.dtype);
  const Tensor out = empty(resized(x, sizes), x.dtype);
  const Tensor images = contiguous(x), where = empty(out.sizes, small ? DType::uint8 : DType::int64);
  if (out.numel() == 0) return {out, where};
  if (const Accelerator* cuda = accelerator_of(out)) {
    cuda->max_pool(out, where, images, cover.rules());
    return {out, where};
  }
  cover.for_planes(out.numel() / cover.out(), [&](Index begin, Index end) {
    kernel(element(out, begin * cover.out()), element(where, begin * cover.out()), element(images, begin * cover.in()),
           end - begin, cover.spans());
  });
  return {out, where};
}

void check_where(const char* op, const Tensor& where, const Dims& shape, const Cover& cover) {
  if (!(where.sizes == shape) || where.dtype != (cover.small() ? DType::uint8 : DType::int64)) {
    fail(op, ": expected what the forward gave for a result of shape ", shape, ", got ", where.sizes, " and ",
         dtype_name(where.dtype));
  }
}

Tensor places_of(const char* op, const Tensor& where, const Dims& image, const Cover& cover, const Dims& sizes) {
  check_where(op, where, resized(Tensor{{}, 0, image, image, where.dtype}, sizes), cover);
  if (!cover.small()) return where;
  const Tensor numbers = contiguous(where), places = empty(where.sizes, DType::int64);
  if (places.numel() == 0) return places;
  if (const Accelerator* cuda = accelerator_of(places)) {
    cuda->max_pool_places(places, numbers, cover.rules());
    return places;
  }
  cover.for_planes(places.numel() / cover.out(), [&](Index begin, Index end) {
    const Index first = begin * cover.out();
    kernels().max_pool_places(places.data<Index>() + first, numbers.data<std::uint8_t>() + first, end - begin,
                              cover.spans());
  });
  return places;
}

Tensor spread(const char* op, const Tensor& g, const Tensor& where, const Dims& image, const Cover& cover) {
  check_where(op, where, g.sizes, cover);
  const Tensor out = empty(image, g.dtype), upstream = contiguous(g), numbers = contiguous(where);
  if (out.numel() == 0 || cover.out() == 0) return zeros(image, g.dtype);
  const MaxPoolBackwardLoop kernel =
      checked_kernel(op, cover.small() ? kernels().max_pool_backward : kernels().max_pool_places_backward, g.dtype);
  if (const Accelerator* cuda = accelerator_of(out)) {
    cuda->max_pool_backward(out, upstream, numbers, cover.rules());
    return out;
  }
  cover.for_planes(out.numel() / cover.in(), [&](Index begin, Index end) {
    const Index first = begin * cover.out();
    kernel(element(out, begin * cover.in()), element(upstream, first), element(numbers, first), end - begin,
           cover.spans());
  });
  return out;
}

using AvgPoolOnDevice = decltype(&Accelerator::avg_pool);

// Averages, or their gradients: from planes of `from_size` elements to planes of `to_size`.
Tensor averaged(AvgPoolLoop kernel, const Tensor& from, const Tensor& to, const Cover& cover, Index from_size,
                Index to_size, AvgPoolOnDevice on_device) {
  const Tensor source = contiguous(from);
  if (to.numel() == 0) return to;
  if (const Accelerator* cuda = accelerator_of(to)) {
    (cuda->*on_device)(to, source, cover.rules());
    return to;
  }
  cover.for_planes(to.numel() / to_size, [&](Index begin, Index end) {
    kernel(element(to, begin * to_size), element(source, begin * from_size), end - begin, cover.spans());
  });
  return to;
}

Cover averages(const char* op, const WindowOptions& o, const Dims& image, const Dims& sizes, bool count_padding,
               std::optional<Index> divisor) {
  if (divisor && *divisor == 0) fail(op, ": divisor must be not zero");
  return cover_of(o, image, sizes, count_padding, divisor.value_or(0));
}

// A gradient that must have the shape that the pool gives to the image.
void check_gradient(const char* op, const Tensor& g, const Dims& image, const Dims& sizes) {
  if (g.dim() != image.size() || !(g.sizes == resized(Tensor{{}, 0, image, image, g.dtype}, sizes))) {
    fail(op, ": a gradient of shape ", g.sizes, " is none of a result for an input of shape ", image);
  }
}

}  // namespace

std::pair<Tensor, Tensor> max_pool(const Tensor& x, const Dims& kernel, const Dims& stride, const Dims& padding,
                                   const Dims& dilation, bool ceil_mode) {
  const int n = kernel.size();
  const char* const op = name_of(max_names, n);
  check_image(op, x, n);
  const WindowOptions options(op, kernel, stride, padding, dilation);
  const Dims image = last_sizes(x, n), sizes = counts(op, options, image, ceil_mode);
  return largest(op, x, sizes, cover_of(options, image, sizes, false));
}

namespace {

// f(cover, sizes of the result) of a pool of largest elements of images of this shape.
template <class F>
Tensor with_cover(const char* op, const Dims& image, const Dims& kernel, const Dims& stride, const Dims& padding,
                  const Dims& dilation, bool ceil_mode, const F& f) {
  const int n = kernel.size();
  const Tensor shaped{{}, 0, image, contiguous_strides(image), DType::float32};
  check_image(op, shaped, n);
  const WindowOptions options(op, kernel, stride, padding, dilation);
  const Dims space = last_sizes(shaped, n), sizes = counts(op, options, space, ceil_mode);
  return f(cover_of(options, space, sizes, false), sizes);
}

template <class F>
Tensor with_adaptive_cover(const char* op, const Dims& image, const Dims& given, const F& f) {
  const Tensor shaped{{}, 0, image, contiguous_strides(image), DType::float32};
  check_image(op, shaped, given.size());
  const Dims sizes = adaptive_sizes(op, given);
  return f(adaptive_cover(last_sizes(shaped, given.size()), sizes), sizes);
}

}  // namespace

Tensor max_pool_places(const Tensor& where, const Dims& image, const Dims& kernel, const Dims& stride,
                       const Dims& padding, const Dims& dilation, bool ceil_mode) {
  const char* const op = name_of(max_names, kernel.size());
  return with_cover(op, image, kernel, stride, padding, dilation, ceil_mode,
                    [&](const Cover& cover, const Dims& sizes) { return places_of(op, where, image, cover, sizes); });
}

Tensor max_pool_backward(const Tensor& g, const Tensor& where, const Dims& image, const Dims& kernel,
                         const Dims& stride, const Dims& padding, const Dims& dilation, bool ceil_mode) {
  const char* const op = name_of(max_names, kernel.size());
  return with_cover(op, image, kernel, stride, padding, dilation, ceil_mode,
                    [&](const Cover& cover, const Dims& sizes) {
                      check_gradient(op, g, image, sizes);
                      return spread(op, g, where, image, cover);
                    });
}

std::pair<Tensor, Tensor> adaptive_max_pool(const Tensor& x, const Dims& given) {
  const int n = given.size();
  const char* const op = name_of(adaptive_max_names, n);
  check_image(op, x, n);
  floats_only(op, kernels().max_pool, x.dtype);
  const Dims sizes = adaptive_sizes(op, given);
  return largest(op, x, sizes, adaptive_cover(last_sizes(x, n), sizes));
}

Tensor adaptive_max_pool_places(const Tensor& where, const Dims& image, const Dims& given) {
  const char* const op = name_of(adaptive_max_names, given.size());
  return with_adaptive_cover(op, image, given, [&](const Cover& cover, const Dims& sizes) {
    return places_of(op, where, image, cover, sizes);
  });
}

Tensor adaptive_max_pool_backward(const Tensor& g, const Tensor& where, const Dims& image, const Dims& given) {
  const char* const op = name_of(adaptive_max_names, given.size());
  return with_adaptive_cover(op, image, given, [&](const Cover& cover, const Dims& sizes) {
    check_gradient(op, g, image, sizes);
    return spread(op, g, where, image, cover);
  });
}

Tensor avg_pool(const Tensor& x, const Dims& kernel, const Dims& stride, const Dims& padding, bool ceil_mode,
                bool count_include_pad, std::optional<Index> divisor) {
  const int n = kernel.size();
  const char* const op = name_of(avg_names, n);
  check_image(op, x, n);
  const AvgPoolLoop loop = checked_kernel(op, kernels().avg_pool, x.dtype);
  const WindowOptions options(op, kernel, stride, padding, {1});
  const Dims image = last_sizes(x, n), sizes = counts(op, options, image, ceil_mode);
  const Tensor out = empty(resized(x, sizes), x.dtype);
  const Cover cover = averages(op, options, image, sizes, count_include_pad, divisor);
  return averaged(loop, x, out, cover, cover.in(), cover.out(), &Accelerator::avg_pool);
}

Tensor avg_pool_backward(const Tensor& g, const Dims& image, const Dims& kernel, const Dims& stride,
                         const Dims& padding, bool ceil_mode, bool count_include_pad, std::optional<Index> divisor) {
  const int n = kernel.size();
  const char* const op = name_of(avg_names, n);
  const Tensor out = empty(image, g.dtype);
  check_image(op, out, n);
  const AvgPoolBackwardLoop loop = checked_kernel(op, kernels().avg_pool_backward, g.dtype);
  const WindowOptions options(op, kernel, stride, padding, {1});
  const Dims space = last_sizes(out, n), sizes = counts(op, options, space, ceil_mode);
  check_gradient(op, g, image, sizes);
  const Cover cover = averages(op, options, space, sizes, count_include_pad, divisor);
  return averaged(loop, g, out, cover, cover.out(), cover.in(), &Accelerator::avg_pool_backward);
}

Tensor adaptive_avg_pool(const Tensor& x, const Dims& given) {
  const int n = given.size();
  const char* const op = name_of(adaptive_avg_names, n);
  check_image(op, x, n);
  const AvgPoolLoop loop = floats_only(op, kernels().avg_pool, x.dtype);
  const Dims sizes = adaptive_sizes(op, given);
  const Tensor out = empty(resized(x, sizes), x.dtype);
  const Cover cover = adaptive_cover(last_sizes(x, n), sizes);
  return averaged(loop, x, out, cover, cover.in(), cover.out(), &Accelerator::avg_pool);
}

Tensor adaptive_avg_pool_backward(const Tensor& g, const Dims& image, const Dims& given) {
  const int n = given.size();
  const char* const op = name_of(adaptive_avg_names, n);
  const Tensor out = empty(image, g.dtype);
  check_image(op, out, n);
  const AvgPoolBackwardLoop loop = floats_only(op, kernels().avg_pool_backward, g.dtype);
  const Dims sizes = adaptive_sizes(op, given);
  check_gradient(op, g, image, sizes);
  const Cover cover = adaptive_cover(last_sizes(out, n), sizes);
  if (cover.out() == 0) return zeros(image, g.dtype);
  return averaged(loop, g, out, cover, cover.out(), cover.in(), &Accelerator::avg_pool_backward);
}

}  // namespace fastgrad::ops
