// Elementwise functions of two operands, each a tensor or a number.
#include <cstring>

#include "ops/input.h"
#include "ops/iterate.h"
#include "ops/ops.h"
#include "ops/overlap.h"
#include "ops/streamed.h"

namespace fastgrad::ops {
namespace {

DType compute_dtype(Binary op, const Operand& a, const Operand& b) {
  const DType dtype = result_type(a, b);
  const bool floats_only = op == Binary::div || op == Binary::atan2 || op == Binary::copysign || op == Binary::xlogy ||
                           op == Binary::xlog1py || op == Binary::ldexp || op == Binary::zeta;
  return floats_only && !is_floating(dtype) ? default_dtype() : dtype;
}

void check_not_bool(Binary op, const char* name, const Operand& a, const Operand& b) {
  if (op == Binary::sub && (own_dtype(a) == DType::boolean || own_dtype(b) == DType::boolean)) {
    fail(name,
         ": Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, "
         "use the `~` or `logical_not()` operator instead.");
  }
}

BinaryLoop kernel_for(Binary op, const char* name, DType dtype) {
  const BinaryLoop kernel = kernels().binary[static_cast<int>(op)][static_cast<int>(dtype)];
  if (kernel != nullptr) return kernel;
  fail(ErrorKind::not_implemented, name, ": not implemented for ", dtype_name(dtype), " tensors");
}

void run(Binary op, BinaryLoop kernel, const Tensor& out, const Input& a, const Input& b, DType dtype) {
  if (const Accelerator* cuda = accelerator_of(out)) return cuda->binary(op, dtype, out, a.term(), b.term());
  const auto width = static_cast<Index>(item_size(dtype)), out_width = static_cast<Index>(item_size(out.dtype));
  if (a.is_simple(out.sizes) && b.is_simple(out.sizes) && out.is_contiguous()) {
    const Index sa = a.tensor != nullptr, sb = b.tensor != nullptr;
    for_each_piece<2>(out, pointwise_grain, {Source{a.data(), sa * width}, Source{b.data(), sb * width}},
                      [&](char* to, Index i, Index n) {
                        kernel(to, a.data() + i * sa * width, b.data() + i * sb * width, n, 1, sa, sb);
                      });
    return;
  }
  const Walk<3> walk(out.sizes, {out.strides, a.strides(out.sizes), b.strides(out.sizes)});
  for_each_run(walk, [&](const std::array<Index, 3>& offset, Index n) {
    kernel(static_cast<char*>(out.raw()) + offset[0] * out_width, a.data() + offset[1] * width,
           b.data() + offset[2] * width, n, walk.strides[0].back(), walk.strides[1].back(), walk.strides[2].back());
  });
}

// Two contiguous tensors of one shape and dtype: what most calls are. Nothing needs to be prepared.
bool is_plain(const Operand& a, const Operand& b) {
  return a.tensor != nullptr && b.tensor != nullptr && a.tensor->dtype == b.tensor->dtype &&
         a.tensor->sizes == b.tensor->sizes && a.tensor->is_contiguous() && b.tensor->is_contiguous();
}

Tensor plain(Binary op, BinaryLoop kernel, DType out_dtype, const Tensor& a, const Tensor& b) {
  Tensor out = empty(a.sizes, out_dtype);
  if (const Accelerator* cuda = accelerator_of(out)) {
    cuda->binary(op, a.dtype, out, {&a, nullptr}, {&b, nullptr});
    return out;
  }
  const auto width = static_cast<Index>(item_size(a.dtype));
  const auto *left = static_cast<const char*>(a.raw()), *right = static_cast<const char*>(b.raw());
  for_each_piece<2>(out, pointwise_grain, {Source{left, width}, Source{right, width}},
                    [&](char* to, Index i, Index n) { kernel(to, left + i * width, right + i * width, n, 1, 1, 1); });
  return out;
}

bool divides(Binary op) { return op == Binary::floor_divide || op == Binary::remainder || op == Binary::fmod; }

bool has_zero(const Input& b, DType dtype) {
  if (b.tensor == nullptr) {
    Index value = 0;
    std::memcpy(&value, b.number, item_size(dtype));
    return value == 0;
  }
  if (b.tensor->device().is_cuda()) return false;  // looking would wait for the device; there x / 0 is some number
  return !item(all(*b.tensor, {}, false)).integer;
}

void check_divisor(Binary op, const char* name, const Input& b, DType dtype) {
  if (divides(op) && !is_floating(dtype) && has_zero(b, dtype)) {
    fail(name, ": ZeroDivisionError: integer division by zero; convert to float for infinities and NaN");
  }
}

void check_exponent(Binary op, const char* name, const Operand& b, DType dtype) {
  if (op == Binary::pow && !is_floating(dtype) && b.tensor == nullptr && b.scalar.integer < 0) {
    fail(name, ": Integers to negative integer powers are not allowed; convert to float first");
  }
}

}  // namespace

Tensor binary(Binary op, const char* name, const Operand& a, const Operand& b) {
  check_not_bool(op, name, a, b);
  const DType dtype = compute_dtype(op, a, b);
  const DType computed = is_half(dtype) ? DType::float32 : dtype;
  const BinaryLoop kernel = kernel_for(op, name, computed);
  const DType out_dtype = gives_bool(op) ? DType::boolean : computed;
  if (computed == own_dtype(a) && !(divides(op) && !is_floating(dtype)) && is_plain(a, b)) {
    return plain(op, kernel, out_dtype, *a.tensor, *b.tensor);
  }
  check_exponent(op, name, b, dtype);
  const Input left(a, computed), right(b, computed);
  check_divisor(op, name, right, computed);
  Tensor out = empty(broadcast_shapes(name, left.sizes(), right.sizes()), out_dtype);
  run(op, kernel, out, left, right, computed);
  return computed == dtype || gives_bool(op) ? out : cast(out, dtype);
}

void binary_(Binary op, const char* name, const Tensor& a, const Operand& b) {
  check_inplace(name, a);
  const Operand self{&a, {}};
  check_not_bool(op, name, self, b);
  const DType dtype = compute_dtype(op, self, b);
  if (!gives_bool(op)) check_can_cast(name, dtype, a.dtype);
  if (b.tensor != nullptr && !(broadcast_shapes(name, a.sizes, b.tensor->sizes) == a.sizes)) {
    fail(name, ": output with shape ", a.sizes, " doesn't match the broadcast shape ",
         broadcast_shapes(name, a.sizes, b.tensor->sizes), "; an in-place operation cannot change the shape");
  }
  if (gives_bool(op) || is_half(dtype) || dtype != a.dtype || (b.tensor != nullptr && may_clobber(a, *b.tensor))) {
    copy_(a, binary(op, name, self, b));
    return;
  }
  const BinaryLoop kernel = kernel_for(op, name, dtype);
  check_exponent(op, name, b, dtype);
  const Input left(self, dtype), right(b, dtype);
  check_divisor(op, name, right, dtype);
  run(op, kernel, a, left, right, dtype);
  bump_version(a);
}

bool equal(const Tensor& a, const Tensor& b) {
  if (!(a.sizes == b.sizes)) return false;
  return item(all(binary(Binary::eq, "equal", {&a, {}}, {&b, {}}), {}, false)).integer != 0;
}

}  // namespace fastgrad::ops
