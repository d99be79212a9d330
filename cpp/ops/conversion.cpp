// Copies, casts, filling and selection.
#include <bit>

#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/ops.h"
#include "ops/overlap.h"
#include "ops/streamed.h"
#include "ops/transposition.h"

namespace fastgrad::ops {
namespace {

UnaryLoop cast_kernel(DType from, DType to) { return kernels().cast[static_cast<int>(from)][static_cast<int>(to)]; }

char* at(const Tensor& t, Index element) {
  return static_cast<char*>(t.raw()) + element * static_cast<Index>(item_size(t.dtype));
}

void transpose(const Tensor& to, const Tensor& from, const Transposition& t) {
  constexpr Index block = 64;  // rows that are copied together
  const TransposeLoop kernel = kernels().transpose[std::countr_zero(item_size(to.dtype))];
  const Index blocks = (t.rows + block - 1) / block;
  const Index count = t.matrices.outer() * t.matrices.inner();
  parallel_for(0, count * blocks, std::max<Index>(1, pointwise_grain / 2 / (std::min(block, t.rows) * t.columns)),
               [&](Index begin, Index end) {
                 for (Index i = begin; i < end; ++i) {
                   const Index matrix = i / blocks, first = i % blocks * block;
                   std::array<Index, 2> start = t.matrices.offsets(matrix / t.matrices.inner());
                   for (int k = 0; k < 2; ++k) {
                     start[k] += matrix % t.matrices.inner() * t.matrices.strides[k].back();
                   }
                   kernel(at(to, start[0] + first * t.to_stride), at(from, start[1] + first),
                          std::min(block, t.rows - first), t.columns, t.to_stride, t.from_stride);
                 }
               });
}

// The same copy along the dimension in which `from` is dense, if runs along the last one are short.
Walk<2> with_long_runs(Walk<2> walk) {
  constexpr Index short_run = 8;
  const int dense = dense_dim(walk, 1);
  if (walk.inner() >= short_run || dense < 0 || walk.sizes[dense] < short_run) return walk;
  std::swap(walk.sizes[dense], walk.sizes[walk.last()]);
  for (Dims& s : walk.strides) std::swap(s[dense], s[walk.last()]);
  return walk;
}

// to[...] = from[...], with `from` already of a shape that broadcasts to `to`'s.
void copy_elements(const Tensor& to, const Tensor& from) {
  if (const Accelerator* cuda = accelerator_of(to)) return cuda->copy(to, from);
  const UnaryLoop kernel = cast_kernel(from.dtype, to.dtype);
  const Walk<2> walk(to.sizes, {to.strides, broadcast_strides(from, to.sizes)});
  if (to.is_contiguous() && walk.sizes.size() == 1 && (walk.strides[1][0] == 1 || walk.strides[1][0] == 0)) {
    const Index step = walk.strides[1][0], width = step * static_cast<Index>(item_size(from.dtype));
    const Source source{static_cast<const char*>(from.raw()), width};
    for_each_piece<1>(to, pointwise_grain, {source},
                      [&](char* out, Index i, Index n) { kernel(out, source.data + i * width, n, 1, step); });
    return;
  }
  if (to.dtype == from.dtype && walk.sizes.size() > 1) {
    if (const auto t = transposition(walk, 4)) return transpose(to, from, *t);
  }
  const Walk<2> runs = with_long_runs(walk);
  for_each_run(runs, [&](const std::array<Index, 2>& offset, Index n) {
    kernel(at(to, offset[0]), at(from, offset[1]), n, runs.strides[0].back(), runs.strides[1].back());
  });
}

}  // namespace

Tensor cast(const Tensor& x, DType dtype) {
  Tensor out = empty(x.sizes, dtype);
  copy_elements(out, x);
  return out;
}

Tensor clone(const Tensor& x) { return cast(x, x.dtype); }

Tensor contiguous(const Tensor& x) { return x.is_contiguous() ? x : clone(x); }

void copy_(const Tensor& to, const Tensor& from) {
  check_inplace("copy_", to);
  if (!(broadcast_shapes("copy_", to.sizes, from.sizes) == to.sizes)) {
    fail("copy_: output with shape ", to.sizes, " doesn't match the broadcast shape of the source ", from.sizes);
  }
  copy_elements(to, may_clobber(to, from) ? clone(from) : from);
  bump_version(to);
}

void fill_(const Tensor& to, Scalar value) {
  check_inplace("fill_", to);
  alignas(8) unsigned char number[8];
  if (const Accelerator* cuda = accelerator_of(to)) {
    write_scalar(value, to.dtype, number);
    cuda->fill(to, number);
  } else {
    copy_elements(to, scalar_tensor(value, to.dtype));
  }
  bump_version(to);
}

Tensor where(const Tensor& condition, const Operand& a, const Operand& b) {
  if (condition.dtype == DType::uint8) return where(cast(condition, DType::boolean), a, b);  // PyTorch's old masks
  if (condition.dtype != DType::boolean) {
    fail("where: expected condition to be a bool tensor, but got ", dtype_name(condition.dtype),
         "; compare first, e.g. condition != 0");
  }
  const DType dtype = result_type(a, b);
  const auto prepare = [dtype](const Operand& x) {
    if (x.tensor == nullptr) return full({}, x.scalar, dtype);
    return x.tensor->dtype == dtype ? *x.tensor : cast(*x.tensor, dtype);
  };
  const Tensor left = prepare(a), right = prepare(b);
  const Dims shape = broadcast_shapes("where", condition.sizes, broadcast_shapes("where", left.sizes, right.sizes));
  Tensor out = empty(shape, dtype);
  if (const Accelerator* cuda = accelerator_of(out)) {
    cuda->where(out, condition, left, right);
    return out;
  }
  const WhereLoop kernel = kernels().where[static_cast<int>(dtype)];
  const Walk<4> walk(shape, {out.strides, broadcast_strides(condition, shape), broadcast_strides(left, shape),
                             broadcast_strides(right, shape)});
  for_each_run(walk, [&](const std::array<Index, 4>& offset, Index n) {
    kernel(at(out, offset[0]), condition.data<bool>() + offset[1], at(left, offset[2]), at(right, offset[3]), n,
           walk.strides[0].back(), walk.strides[1].back(), walk.strides[2].back(), walk.strides[3].back());
  });
  return out;
}

Scalar item(const Tensor& x) {
  if (x.numel() != 1) {
    fail("item: a Tensor with ", x.numel(), " elements (shape ", x.sizes,
         ") cannot be converted to a number; index it first, or use tolist()");
  }
  if (x.device().is_cuda()) return item(to_device(x, host_device, false));
  return visit_every_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T value = *x.data<T>();
    if constexpr (is_half_type<T>) {
      return Scalar::of(static_cast<double>(to_float(value)));
    } else if constexpr (std::is_same_v<T, bool>) {
      return Scalar::of(value);
    } else if constexpr (std::is_integral_v<T>) {
      return Scalar::of(static_cast<Index>(value));
    } else {
      return Scalar::of(static_cast<double>(value));
    }
  });
}

}  // namespace fastgrad::ops
