// Elementwise functions of three operands, each a tensor or a number.
#include "ops/input.h"
#include "ops/iterate.h"
#include "ops/ops.h"
#include "ops/overlap.h"

namespace fastgrad::ops {
namespace {

TernaryLoop kernel_for(Ternary op, const char* name, DType dtype) {
  const TernaryLoop kernel = kernels().ternary[static_cast<int>(op)][static_cast<int>(dtype)];
  if (kernel != nullptr) return kernel;
  fail(ErrorKind::not_implemented, name, ": not implemented for ", dtype_name(dtype),
       " tensors; convert first, e.g. with .to(float32)");
}

void run(Ternary op, TernaryLoop kernel, const Tensor& out, const Input& a, const Input& b, const Input& c) {
  if (const Accelerator* cuda = accelerator_of(out)) return cuda->ternary(op, out, a.term(), b.term(), c.term());
  const auto width = static_cast<Index>(item_size(out.dtype));
  auto* const to = static_cast<char*>(out.raw());
  if (out.is_contiguous() && a.is_simple(out.sizes) && b.is_simple(out.sizes) && c.is_simple(out.sizes)) {
    const Index sa = a.tensor != nullptr, sb = b.tensor != nullptr, sc = c.tensor != nullptr;
    parallel_for(0, out.numel(), pointwise_grain, [&](Index begin, Index end) {
      kernel(to + begin * width, a.data() + begin * sa * width, b.data() + begin * sb * width,
             c.data() + begin * sc * width, end - begin, 1, sa, sb, sc);
    });
    return;
  }
  const Walk<4> walk(out.sizes, {out.strides, a.strides(out.sizes), b.strides(out.sizes), c.strides(out.sizes)});
  for_each_run(walk, [&](const std::array<Index, 4>& offset, Index n) {
    kernel(to + offset[0] * width, a.data() + offset[1] * width, b.data() + offset[2] * width,
           c.data() + offset[3] * width, n, walk.strides[0].back(), walk.strides[1].back(), walk.strides[2].back(),
           walk.strides[3].back());
  });
}

}  // namespace

Tensor ternary(Ternary op, const char* name, const Operand& a, const Operand& b, const Operand& c) {
  const DType dtype = result_type(a, b, c);
  const DType computed = is_half(dtype) ? DType::float32 : dtype;
  const TernaryLoop kernel = kernel_for(op, name, computed);
  const Input first(a, computed), second(b, computed), third(c, computed);
  const Dims shape = broadcast_shapes(name, first.sizes(), broadcast_shapes(name, second.sizes(), third.sizes()));
  Tensor out = empty(shape, computed);
  run(op, kernel, out, first, second, third);
  return computed == dtype ? out : cast(out, dtype);
}

void ternary_(Ternary op, const char* name, const Tensor& a, const Operand& b, const Operand& c) {
  check_inplace(name, a);
  const Operand self{&a, {}};
  const DType dtype = result_type(self, b, c);
  check_can_cast(name, dtype, a.dtype);
  bool apart = dtype == a.dtype && !is_half(dtype);
  for (const Operand* x : {&b, &c}) {
    if (x->tensor == nullptr) continue;
    const Dims shape = broadcast_shapes(name, a.sizes, x->tensor->sizes);
    if (!(shape == a.sizes)) {
      fail(name, ": output with shape ", a.sizes, " doesn't match the broadcast shape ", shape,
           "; an in-place operation cannot change the shape");
    }
    apart = apart && !may_clobber(a, *x->tensor);
  }
  if (!apart) return copy_(a, ternary(op, name, self, b, c));
  run(op, kernel_for(op, name, dtype), a, Input(self, dtype), Input(b, dtype), Input(c, dtype));
  bump_version(a);
}

}  // namespace fastgrad::ops
