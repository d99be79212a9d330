// Elementwise functions of one tensor.
#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/ops.h"
#include "ops/overlap.h"
#include "ops/promotion.h"
#include "ops/streamed.h"

namespace fastgrad::ops {
namespace {

// From here on a function of integers is computed in floating point.
constexpr bool needs_float(Unary op) { return op >= Unary::exp && op < Unary::relu; }

UnaryLoop kernel_for(Unary op, const char* name, DType dtype) {
  const UnaryLoop kernel = kernels().unary[static_cast<int>(op)][static_cast<int>(dtype)];
  if (kernel == nullptr) {
    fail(ErrorKind::not_implemented, name, ": not implemented for ", dtype_name(dtype),
         " tensors; convert first, e.g. with .to(float32)");
  }
  return kernel;
}

void run(Unary op, UnaryLoop kernel, const Tensor& out, const Tensor& x) {
  if (const Accelerator* cuda = accelerator_of(out)) return cuda->unary(op, out, x);
  const auto out_width = static_cast<Index>(item_size(out.dtype)), in_width = static_cast<Index>(item_size(x.dtype));
  if (out.is_contiguous() && x.is_contiguous()) {
    const Source from{static_cast<const char*>(x.raw()), in_width};
    for_each_piece<1>(out, pointwise_grain / 4, {from},
                      [&](char* to, Index i, Index n) { kernel(to, from.data + i * in_width, n, 1, 1); });
    return;
  }
  const Walk<2> walk(x.sizes, {out.strides, x.strides});
  for_each_run(walk, [&](const std::array<Index, 2>& offset, Index n) {
    kernel(static_cast<char*>(out.raw()) + offset[0] * out_width, static_cast<char*>(x.raw()) + offset[1] * in_width, n,
           walk.strides[0].back(), walk.strides[1].back());
  });
}

}  // namespace

Tensor unary(Unary op, const char* name, const Tensor& x) {
  if (needs_float(op) && !is_floating(x.dtype)) return unary(op, name, cast(x, default_dtype()));
  if (is_half(x.dtype)) {
    const Tensor result = unary(op, name, cast(x, DType::float32));
    return gives_bool(op) ? result : cast(result, x.dtype);
  }
  const UnaryLoop kernel = kernel_for(op, name, x.dtype);
  Tensor out = empty(x.sizes, gives_bool(op) ? DType::boolean : x.dtype);
  run(op, kernel, out, x);
  return out;
}

void unary_(Unary op, const char* name, const Tensor& x) {
  check_inplace(name, x);
  const bool widens = needs_float(op) && !is_floating(x.dtype);
  if (widens) check_can_cast(name, default_dtype(), x.dtype);
  if (widens || gives_bool(op) || is_half(x.dtype)) return copy_(x, unary(op, name, x));
  run(op, kernel_for(op, name, x.dtype), x, x);
  bump_version(x);
}

}  // namespace fastgrad::ops
