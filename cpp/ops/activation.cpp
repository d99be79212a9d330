// Activation functions with up to two parameters.
#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/ops.h"
#include "ops/streamed.h"

namespace fastgrad::ops {
namespace {

[[noreturn]] void refuse(const char* name, DType dtype) {
  fail(ErrorKind::not_implemented, name, ": not implemented for ", dtype_name(dtype),
       " tensors; convert first, e.g. with .float()");
}

// The parameter without its fraction, kept in the range of integers.
Index whole(double x) { return static_cast<Index>(std::clamp(x, -0x1p62, 0x1p62)); }

Tensor clamped(const char* name, const Tensor& x, Index low, Index high) {
  if (x.dtype == DType::uint8 && low < 0) {
    fail(name, ": cannot be done on an unsigned type (", dtype_name(x.dtype), ") with the negative limit ", low);
  }
  const Tensor raised = binary(Binary::maximum, name, {&x, {}}, {nullptr, Scalar::of(low)});
  return binary(Binary::minimum, name, {&raised, {}}, {nullptr, Scalar::of(high)});
}

// PyTorch has these functions of integers too: some stay integers, with the parameters' fractions cut off.
Tensor of_integers(Activation op, const char* name, const Tensor& x, double a, double b) {
  const auto first = whole(a), second = whole(b);
  switch (op) {
    case Activation::hardtanh:
      return clamped(name, x, first, second);
    case Activation::threshold: {
      const Tensor above = binary(Binary::gt, name, {&x, {}}, {nullptr, Scalar::of(first)});
      return where(above, {&x, {}}, {nullptr, Scalar::of(second)});
    }
    case Activation::softsign:
    case Activation::tanhshrink:
      return activation(op, name, cast(x, default_dtype()), a, b);
    default:
      refuse(name, x.dtype);
  }
}

}  // namespace

Tensor activation(Activation op, const char* name, const Tensor& x, double a, double b) {
  if (is_integer(x.dtype)) return of_integers(op, name, x, a, b);
  if (!is_floating(x.dtype)) refuse(name, x.dtype);
  const Tensor out = empty(x.sizes, x.dtype);
  if (const Accelerator* cuda = accelerator_of(out)) {
    cuda->activation(op, out, x, a, b);
    return out;
  }
  const Tensor from = contiguous(x);
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const auto kernel = kernels().floats<T>().activation.value[static_cast<int>(op)];
      for_each_piece<1>(out, pointwise_grain / 4, {Source{static_cast<const char*>(from.raw()), sizeof(T)}},
                        [&](char* to, Index i, Index n) {
                          kernel(reinterpret_cast<T*>(to), from.data<T>() + i, n, static_cast<T>(a), static_cast<T>(b));
                        });
    }
  });
  return out;
}

Tensor activation_backward(Activation op, const char* name, const Tensor& g, const Tensor& x, double a, double b) {
  if (!is_floating(x.dtype)) refuse(name, x.dtype);
  if (g.dtype != x.dtype || !(g.sizes == x.sizes)) {
    fail(name, ": the gradient must have the shape and dtype of the input, ", x.sizes, " and ", dtype_name(x.dtype),
         ", got ", g.sizes, " and ", dtype_name(g.dtype));
  }
  const Tensor out = empty(x.sizes, x.dtype);
  if (const Accelerator* cuda = accelerator_of(out)) {
    cuda->activation_backward(op, out, g, x, a, b);
    return out;
  }
  const Tensor from = contiguous(x), upstream = contiguous(g);
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const auto kernel = kernels().floats<T>().activation.gradient[static_cast<int>(op)];
      parallel_for(0, from.numel(), pointwise_grain / 4, [&](Index begin, Index end) {
        kernel(out.data<T>() + begin, upstream.data<T>() + begin, from.data<T>() + begin, end - begin,
               static_cast<T>(a), static_cast<T>(b));
      });
    }
  });
  return out;
}

}  // namespace fastgrad::ops
