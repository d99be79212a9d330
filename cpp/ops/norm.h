// What layer_norm and its kin have in common.
#pragma once

#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {

// f(TypeTag<T>{}) for the floating-point type of a tensor.
template <class F>
void with_floats(const char* op, const Tensor& x, const F& f) {
  if (!is_floating(x.dtype)) {
    fail(ErrorKind::not_implemented, op, ": not implemented for ", dtype_name(x.dtype),
         " tensors; convert first, e.g. with .float()");
  }
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

}  // namespace fastgrad::ops
