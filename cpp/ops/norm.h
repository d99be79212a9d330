// What layer_norm and its kin have in common.
#pragma once

#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {

inline void check_floats(const char* op, const Tensor& x) {
  if (!is_floating(x.dtype)) {
    fail(ErrorKind::not_implemented, op, ": not implemented for ", dtype_name(x.dtype),
         " tensors; convert first, e.g. with .float()");
  }
}

// f(TypeTag<T>{}) for the floating-point type of a tensor.
template <class F>
void with_floats(const char* op, const Tensor& x, const F& f) {
  check_floats(op, x);
  visit_dtype(x.dtype, [&](auto tag) {
    if constexpr (std::is_floating_point_v<typename decltype(tag)::type>) f(tag);
  });
}

// A parameter or statistic, which has `shape` and the input's dtype; of no memory where there is none.
inline Tensor checked_parameter(const char* op, const char* what, const OptionalTensor& given, const Dims& shape,
                                DType dtype) {
  if (!given) return {};
  if (!(given->sizes == shape)) {
    fail(op, ": Expected ", what, " to be of shape ", shape, ", as the input's, but got ", given->sizes);
  }
  if (given->dtype != dtype) {
    fail(op, ": mixed dtype: the input is ", dtype_name(dtype), ", but ", what, " is ", dtype_name(given->dtype),
         "; convert one of them with .to()");
  }
  return contiguous(*given);
}

inline void check_gradient(const char* op, const Tensor& g, const Tensor& x) {
  if (g.dtype != x.dtype || !(g.sizes == x.sizes)) {
    fail(op, ": the gradient must have the shape and dtype of the input, ", x.sizes, " and ", dtype_name(x.dtype),
         ", got ", g.sizes, " and ", dtype_name(g.dtype));
  }
}

// What the forward gave and the backward is given again.
inline Tensor statistic(const char* op, const Tensor& given, Index count, DType dtype) {
  if (given.numel() != count || given.dtype != dtype) fail(op, ": the statistics are not those of the forward");
  return contiguous(given);
}

template <class T>
T* data_or_null(const Tensor& t) {
  return t.storage.get() == nullptr ? nullptr : t.data<T>();
}

inline Index grain_of(Index elements_each) {
  return std::max<Index>(1, pointwise_grain / 4 / std::max<Index>(1, elements_each));
}

// Channels

// Runs of a channel's elements from this length on are worth a kernel's row of their own.
inline constexpr Index long_run = 16;

template <class T>
using Numbers = std::vector<T>;  // one for each channel

template <class T>
Numbers<double> numbers(const Tensor& t, Index count, double otherwise) {
  if (t.storage.get() == nullptr) return Numbers<double>(count, otherwise);
  return {t.data<T>(), t.data<T>() + count};
}

template <class T, class S>
Tensor tensor_of(const Numbers<S>& values, const Dims& shape, DType dtype) {
  const Tensor t = empty(shape, dtype);
  std::transform(values.begin(), values.end(), t.data<T>(), [](S v) { return static_cast<T>(v); });
  return t;
}

struct Channels {
  Index batch, channels, inner = 1;
};

inline Channels channels_of(const char* op, const Tensor& x) {
  if (x.dim() < 2) {
    fail(op, ": Expected at least 2 dimensions for input tensor, (batch, channels, ...), but received shape ", x.sizes);
  }
  Channels result{x.sizes[0], x.sizes[1]};
  for (int d = 2; d < x.dim(); ++d) result.inner *= x.sizes[d];
  return result;
}

}  // namespace fastgrad::ops
