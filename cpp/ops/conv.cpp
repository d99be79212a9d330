// Convolutions and their two gradients. Those of float32 go over the images directly (ops/conv_direct.h). The others,
// and kernels of one element, are products of matrices: windows of a few images at a time become columns, which the
// weight multiplies. What is added up, and in which order, depends on sizes only.
#include <algorithm>

#include "accelerator.h"
#include "ops/conv_direct.h"
#include "ops/gemm.h"
#include "ops/iterate.h"
#include "ops/window.h"

namespace fastgrad::ops {
namespace {

// So many elements of columns are made before they are multiplied: they should still be in a cache then.
constexpr Index column_elements = 1 << 18;
// A gradient of the weight is the sum of several, if they have no more elements than this and are no more than so many.
constexpr Index partial_elements = 1 << 20;
constexpr Index partial_count = 16;

constexpr const char* conv_names[] = {"conv1d", "conv2d", "conv3d"};
constexpr const char* transposed_names[] = {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"};

// The sizes of a convolution; `depth` is the number of elements that a filter has.
struct Convolution {
  Windows w;
  Index batch, groups, channels, filters, depth, windows;
  bool direct;  // the image is its own matrix of columns

  Index filters_each() const { return filters / groups; }
  Index image() const { return channels * w.in[0] * w.in[1] * w.in[2]; }
  Index columns() const { return groups * depth * windows; }
  Index images_at_once() const { return std::max<Index>(1, column_elements / std::max<Index>(1, columns())); }
};

Windows windows_of(const WindowOptions& o, const Dims& image) {
  Windows w = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}};
  for (int d = 0; d < o.dims(); ++d) {
    const int at = place_of(d, o.dims());
    w.in[at] = image[d];
    w.out[at] = o.count(d, image[d]);
    w.kernel[at] = o.kernel[d];
    w.stride[at] = o.stride[d];
    w.padding[at] = o.padding[d];
    w.dilation[at] = o.dilation[d];
  }
  return w;
}

bool is_direct(const Windows& w) {
  for (int d = 0; d < 3; ++d) {
    if (w.kernel[d] != 1 || w.stride[d] != 1 || w.padding[d] != 0) return false;
  }
  return true;
}

Index volume(const Index* sizes) { return sizes[0] * sizes[1] * sizes[2]; }

Convolution convolution_of(const char* op, const WindowOptions& o, const Dims& image, Index batch, Index channels,
                           Index filters, Index groups) {
  if (groups < 1 || channels % groups != 0 || filters % groups != 0) {
    fail(op, ": groups must be positive and divide the ", channels, " channels of the input and the ", filters,
         " filters, got groups = ", groups);
  }
  for (int d = 0; d < o.dims(); ++d) {
    if (image[d] + 2 * o.padding[d] < o.extent(d)) {
      fail(op, ": Kernel size can't be greater than actual input size. The input is ", image, " with padding ",
           o.padding, ", but the kernel of size ", o.kernel, " and dilation ", o.dilation,
           " does not fit into it; use a larger input, a smaller kernel or more padding");
    }
  }
  const Windows w = windows_of(o, image);
  return {w, batch, groups, channels, filters, channels / groups * volume(w.kernel), volume(w.out), is_direct(w)};
}

int space_of(const char* const* names, const Tensor& x, const char* what) {
  const int n = x.dim() - 2;
  if (n < 1 || n > 3) {
    fail(names[1], ": expected ", what, " of shape (batch, channels, ...) with one to three more dimensions, got ",
         x.sizes);
  }
  return n;
}

void check_pair(const char* op, const Tensor& x, const Tensor& weight) {
  if (weight.dim() != x.dim()) {
    fail(op, ": expected a weight of ", x.dim(), " dimensions, one filter of ", x.dim() - 1,
         " dimensions for each output channel, for an input of shape ", x.sizes, ", got ", weight.sizes);
  }
  if (x.dtype != weight.dtype) {
    fail(op, ": the input's and the weight's type should be the same, but they are ", dtype_name(x.dtype), " and ",
         dtype_name(weight.dtype), "; convert one of them with .to()");
  }
  if (x.dtype == DType::boolean) fail(op, ": not implemented for bool tensors; convert them with .float()");
}

void check_bias(const char* op, const OptionalTensor& bias, const Tensor& weight) {
  if (!bias) return;
  if (!(bias->sizes == Dims{weight.sizes[0]}) || bias->dtype != weight.dtype) {
    fail(op, ": expected a bias of shape [", weight.sizes[0], "], one number for each output channel, and dtype ",
         dtype_name(weight.dtype), ", got ", bias->sizes, " and ", dtype_name(bias->dtype));
  }
}

Dims image_shape(Index batch, Index channels, const Dims& sizes) {
  Dims shape{batch, channels};
  for (const Index n : sizes) shape.push_back(n);
  return shape;
}

// f(begin, end) for parts of images * channels planes, in parallel.
template <class F>
void for_planes(const Convolution& c, Index images, const F& f) {
  const Index work = volume(c.w.kernel) * c.windows;
  parallel_for(0, images * c.channels, std::max<Index>(1, pointwise_grain / std::max<Index>(1, work)), f);
}

void unfold_images(const Convolution& c, Index images, char* columns, const char* x, DType dtype) {
  const auto size = static_cast<Index>(item_size(dtype));
  const Index plane = volume(c.w.in), rows = volume(c.w.kernel) * c.windows;
  for_planes(c, images, [&](Index begin, Index end) {
    kernels().unfold[static_cast<int>(dtype)](columns + begin * rows * size, x + begin * plane * size, end - begin,
                                              c.w);
  });
}

void fold_images(const Convolution& c, Index images, char* x, const char* columns, DType dtype) {
  const auto size = static_cast<Index>(item_size(dtype));
  const Index plane = volume(c.w.in), rows = volume(c.w.kernel) * c.windows;
  for_planes(c, images, [&](Index begin, Index end) {
    kernels().fold[static_cast<int>(dtype)](x + begin * plane * size, columns + begin * rows * size, end - begin, c.w);
  });
}

template <class T>
char* bytes(T* data) {
  return reinterpret_cast<char*>(data);
}
template <class T>
const char* bytes(const T* data) {
  return reinterpret_cast<const char*>(data);
}

// A product for each image and group.
template <class T, class Offsets>
void multiply(Index count, Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c, bool accumulate,
              const Offsets& offsets, Bias<T> bias = {}) {
  if constexpr (std::is_floating_point_v<T>) {
    gemm_batched<T>(count, m, n, k, a, b, c, n, accumulate, offsets, bias);
  } else {
    for (Index i = 0; i < count; ++i) {
      const ProductOffsets at = offsets(i);
      matmul_reference<T>(m, n, k, {a.data + at.a, a.row_stride, a.column_stride},
                          {b.data + at.b, b.row_stride, b.column_stride}, c + at.c, n, accumulate);
    }
  }
}

// f(first image, number of images) for all images, some at a time.
template <class F>
void for_images(const Convolution& c, Index at_once, const F& f) {
  for (Index first = 0; first < c.batch; first += at_once) f(first, std::min(at_once, c.batch - first));
}

// Memory for the columns of so many images.
Tensor scratch_columns(const Convolution& c, Index images, DType dtype) {
  return c.direct ? Tensor{} : empty({std::min(images, c.batch), c.columns()}, dtype);
}

template <class T>
const T* columns_of(const Convolution& c, const T* x, Index images, const Tensor& scratch) {
  if (c.direct) return x;
  unfold_images(c, images, bytes(scratch.data<T>()), bytes(x), scratch.dtype);
  return scratch.data<T>();
}

template <class T>
void fill_with_bias(const Convolution& c, T* out, const T* bias) {
  parallel_for(0, c.batch * c.filters, std::max<Index>(1, pointwise_grain / c.windows), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) std::fill_n(out + i * c.windows, c.windows, bias[i % c.filters]);
  });
}

template <class T>
void forward(const Convolution& c, const Tensor& x, const Tensor& weight, const T* bias, const Tensor& out) {
  const bool is_filled = bias != nullptr && !std::is_floating_point_v<T>;
  if (is_filled) fill_with_bias(c, out.data<T>(), bias);
  const Index rows = c.filters_each(), at_once = c.images_at_once();
  const Tensor scratch = scratch_columns(c, at_once, x.dtype);
  for_images(c, at_once, [&](Index first, Index images) {
    const T* columns = columns_of(c, x.data<T>() + first * c.image(), images, scratch);
    const auto offsets = [&](Index i) {
      const Index group = i % c.groups;
      return ProductOffsets{group * rows * c.depth, i * c.depth * c.windows, i * rows * c.windows, group * rows};
    };
    multiply<T>(images * c.groups, rows, c.windows, c.depth, {weight.data<T>(), c.depth, 1}, {columns, c.windows, 1},
                out.data<T>() + first * c.filters * c.windows, is_filled, offsets, Bias<T>{bias, true});
  });
}

template <class T>
void input_gradient(const Convolution& c, const Tensor& g, const Tensor& weight, const Tensor& out) {
  const Index rows = c.filters_each(), at_once = c.images_at_once();
  const Tensor scratch = scratch_columns(c, at_once, g.dtype);
  for_images(c, at_once, [&](Index first, Index images) {
    T* const dx = out.data<T>() + first * c.image();
    T* const columns = c.direct ? dx : scratch.data<T>();
    multiply<T>(images * c.groups, c.depth, c.windows, rows, {weight.data<T>(), 1, c.depth},
                {g.data<T>() + first * c.filters * c.windows, c.windows, 1}, columns, false, [&](Index i) {
                  return ProductOffsets{i % c.groups * rows * c.depth, i * rows * c.windows, i * c.depth * c.windows};
                });
    if (!c.direct) fold_images(c, images, bytes(dx), bytes(columns), g.dtype);
  });
}

// Image i of each group of `partials` images adds to the partial gradient i; their sum is the gradient.
template <class T>
Tensor weight_gradient(const Convolution& c, const Tensor& x, const Tensor& g) {
  const Index rows = c.filters_each(), elements = c.filters * c.depth;
  const Index affordable = std::max<Index>(1, partial_elements / std::max<Index>(1, elements));
  const Index partials = std::min({affordable, partial_count, c.images_at_once(), c.batch});
  const Tensor sums = empty({partials, elements}, x.dtype), scratch = scratch_columns(c, partials, x.dtype);
  for_images(c, partials, [&](Index first, Index images) {
    const T* columns = columns_of(c, x.data<T>() + first * c.image(), images, scratch);
    multiply<T>(
        images * c.groups, rows, c.depth, c.windows, {g.data<T>() + first * c.filters * c.windows, c.windows, 1},
        {columns, 1, c.windows}, sums.data<T>(), first > 0,
        [&](Index i) { return ProductOffsets{i * rows * c.windows, i * c.depth * c.windows, i * rows * c.depth}; });
  });
  return partials == 1 ? select(sums, 0, 0) : sum(sums, {0}, false, std::nullopt);
}

DirectConvolution direct_of(const Convolution& c) {
  return {c.w, c.batch, c.groups, c.channels / c.groups, c.filters_each()};
}

// Whether a convolution of this dtype may do without columns. Where the image is its own matrix of columns, the matrix
// product is quicker.
bool may_be_direct(const Convolution& c, DType dtype) { return dtype == DType::float32 && !c.direct; }

// f(TypeTag<T>{}) for all types of numbers.
template <class F>
void with_numbers(DType dtype, const F& f) {
  visit_dtype(dtype, [&](auto tag) {
    if constexpr (!std::is_same_v<typename decltype(tag)::type, bool>) f(tag);
  });
}

}  // namespace

Tensor convolution(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, const Dims& stride,
                   const Dims& padding, const Dims& dilation, Index groups) {
  const int n = space_of(conv_names, x, "an input");
  const char* const op = conv_names[n - 1];
  check_pair(op, x, weight);
  check_bias(op, bias, weight);
  const WindowOptions options(op, last_sizes(weight, n), stride, padding, dilation);
  const Convolution c = convolution_of(op, options, last_sizes(x, n), x.sizes[0], x.sizes[1], weight.sizes[0], groups);
  if (weight.sizes[1] != c.channels / groups) {
    fail(op, ": Given groups=", groups, ", weight of size ", weight.sizes, ", expected input ", x.sizes, " to have ",
         weight.sizes[1] * groups, " channels, but got ", c.channels,
         " channels instead; change the input or in_channels");
  }
  Dims sizes(n);
  for (int d = 0; d < n; ++d) sizes[d] = c.w.out[place_of(d, n)];
  const Tensor out = empty(image_shape(c.batch, c.filters, sizes), x.dtype);
  if (out.numel() == 0) return out;
  const Tensor images = contiguous(x), filters = contiguous(weight), offsets = bias ? contiguous(*bias) : Tensor{};
  if (const Accelerator* cuda = accelerator_of(out)) {
    cuda->convolution(out, images, filters, bias ? &offsets : nullptr, c.w, groups);
    return out;
  }
  if (const DirectConvolution direct = direct_of(c); may_be_direct(c, x.dtype) && fits_direct(direct)) {
    convolve_direct(direct, out.data<float>(), images.data<float>(), filters.data<float>(),
                    bias ? offsets.data<float>() : nullptr, false);
    return out;
  }
  with_numbers(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    forward<T>(c, images, filters, bias ? offsets.data<T>() : nullptr, out);
  });
  return out;
}

Tensor convolution_input(const Tensor& g, const Tensor& weight, const Dims& sizes, const Dims& stride,
                         const Dims& padding, const Dims& dilation, Index groups) {
  const int n = space_of(transposed_names, g, "an input");
  const char* const op = transposed_names[n - 1];
  check_pair(op, g, weight);
  const WindowOptions options(op, last_sizes(weight, n), stride, padding, dilation);
  for_each_dim(op, "the output's size", sizes, n, 1);
  if (weight.sizes[0] != g.sizes[1]) {
    fail(op, ": Given transposed weight of size ", weight.sizes, ", expected input ", g.sizes, " to have ",
         weight.sizes[0], " channels, but got ", g.sizes[1], " channels instead; change the input or in_channels");
  }
  const Convolution c = convolution_of(op, options, sizes, g.sizes[0], weight.sizes[1] * std::max<Index>(groups, 0),
                                       weight.sizes[0], groups);
  for (int d = 0; d < n; ++d) {
    if (c.w.out[place_of(d, n)] != g.sizes[2 + d]) {
      fail(op, ": an input of shape ", g.sizes, " cannot give an output of size ", sizes, " with stride ",
           options.stride, "; output_padding must be smaller than stride or dilation");
    }
  }
  const Tensor out = empty(image_shape(c.batch, c.channels, sizes), g.dtype);
  if (out.numel() == 0) return out;
  if (g.numel() == 0) return zeros(out.sizes, out.dtype);
  const Tensor gradient = contiguous(g), filters = contiguous(weight);
  if (const Accelerator* cuda = accelerator_of(out)) {
    cuda->convolution_input(out, gradient, filters, c.w, groups);
    return out;
  }
  if (const DirectConvolution direct = direct_of(c); may_be_direct(c, g.dtype) && fits_direct_input(direct)) {
    input_gradient_direct(direct, out, gradient, filters);
    return out;
  }
  with_numbers(g.dtype, [&](auto tag) { input_gradient<typename decltype(tag)::type>(c, gradient, filters, out); });
  return out;
}

Tensor convolution_weight(const Tensor& x, const Tensor& g, const Dims& kernel, const Dims& stride, const Dims& padding,
                          const Dims& dilation, Index groups) {
  const int n = space_of(conv_names, x, "an input");
  const char* const op = conv_names[n - 1];
  check_pair(op, x, g);
  const WindowOptions options(op, for_each_dim(op, "kernel_size", kernel, n, 1), stride, padding, dilation);
  const Convolution c = convolution_of(op, options, last_sizes(x, n), x.sizes[0], x.sizes[1], g.sizes[1], groups);
  for (int d = 0; d < n; ++d) {
    if (g.sizes[0] != c.batch || g.sizes[2 + d] != c.w.out[place_of(d, n)]) {
      fail(op, ": a gradient of shape ", g.sizes, " is none of a result for an input of shape ", x.sizes);
    }
  }
  const Dims shape = image_shape(c.filters, c.channels / groups, options.kernel);
  if (x.numel() == 0 || g.numel() == 0) return zeros(shape, x.dtype);
  const Tensor images = contiguous(x), gradient = contiguous(g);
  if (const Accelerator* cuda = accelerator_of(images)) {
    const Tensor dw = empty(shape, x.dtype);
    cuda->convolution_weight(dw, images, gradient, c.w, groups);
    return dw;
  }
  if (const DirectConvolution direct = direct_of(c); may_be_direct(c, x.dtype) && fits_direct(direct)) {
    const Tensor dw = empty(shape, x.dtype);
    weight_gradient_direct(direct, dw.data<float>(), images.data<float>(), gradient.data<float>());
    return dw;
  }
  Tensor out;
  with_numbers(x.dtype, [&](auto tag) {
    out = view(weight_gradient<typename decltype(tag)::type>(c, images, gradient), shape);
  });
  return out;
}

namespace {

// Columns as a convolution of one group whose filters do not matter.
Convolution columns_only(const char* op, const WindowOptions& o, const Dims& image, Index batch, Index channels) {
  return convolution_of(op, o, image, batch, channels, 1, 1);
}

}  // namespace

Tensor im2col(const Tensor& x, const Dims& kernel, const Dims& dilation, const Dims& padding, const Dims& stride) {
  const int n = kernel.size();
  if (x.dim() != n + 2) {
    fail("unfold: expected an input of shape (batch, channels, ...) with ", n, " more dimensions, got ", x.sizes);
  }
  const WindowOptions options("unfold", kernel, stride, padding, dilation);
  const Convolution c = columns_only("unfold", options, last_sizes(x, n), x.sizes[0], x.sizes[1]);
  const Tensor out = empty({c.batch, c.depth, c.windows}, x.dtype);
  if (out.numel() == 0) return out;
  const Tensor images = contiguous(x);
  if (const Accelerator* cuda = accelerator_of(out)) {
    cuda->unfold(out, images, c.w);
  } else {
    unfold_images(c, c.batch, static_cast<char*>(out.raw()), static_cast<const char*>(images.raw()), x.dtype);
  }
  return out;
}

Tensor col2im(const Tensor& columns, const Dims& sizes, const Dims& kernel, const Dims& dilation, const Dims& padding,
              const Dims& stride) {
  const int n = kernel.size();
  const WindowOptions options("fold", kernel, stride, padding, dilation);
  const Dims image = for_each_dim("fold", "output_size", sizes, n, 1);
  Index elements = 1;
  for (const Index k : options.kernel) elements = checked_multiply(elements, k, options.kernel);
  if (columns.dim() != 3 || columns.sizes[1] % elements != 0) {
    fail("fold: expected an input of shape (batch, channels * ", elements, ", windows) for a kernel of size ",
         options.kernel, ", got ", columns.sizes);
  }
  const Convolution c = columns_only("fold", options, image, columns.sizes[0], columns.sizes[1] / elements);
  if (c.windows != columns.sizes[2]) {
    fail("fold: an image of size ", image, " has ", c.windows, " windows with kernel_size ", options.kernel,
         ", dilation ", options.dilation, ", padding ", options.padding, " and stride ", options.stride,
         ", but the input of shape ", columns.sizes, " has ", columns.sizes[2]);
  }
  const Tensor out = empty(image_shape(c.batch, c.channels, image), columns.dtype);
  if (out.numel() == 0) return out;
  const Tensor all = contiguous(columns);
  if (const Accelerator* cuda = accelerator_of(out)) {
    cuda->fold(out, all, c.w);
  } else {
    fold_images(c, c.batch, static_cast<char*>(out.raw()), static_cast<const char*>(all.raw()), columns.dtype);
  }
  return out;
}

}  // namespace fastgrad::ops
