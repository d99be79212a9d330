// Shapes laid over memory with strides of their own, and the adjoint of that.
#include <algorithm>

#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

// How many elements lie between the first and the last one, both included; 0 without elements.
Index extent_of(const char* op, const Dims& sizes, const Dims& strides) {
  if (sizes.size() != strides.size()) {
    fail(op, ": mismatch in length of strides ", strides, " and shape ", sizes);
  }
  const bool has_elements = numel_of(sizes) > 0;
  Index last = 0;
  for (int d = 0; d < sizes.size(); ++d) {
    if (strides[d] < 0) fail(op, ": negative strides are not supported, got ", strides);
    Index reach;
    if (has_elements &&
        (__builtin_mul_overflow(sizes[d] - 1, strides[d], &reach) || __builtin_add_overflow(last, reach, &last))) {
      fail(op, ": shape ", sizes, " and strides ", strides, " reach beyond what 64-bit integers can count");
    }
  }
  return has_elements ? last + 1 : 0;
}

// RuntimeError unless this geometry lies within `capacity` elements.
void check_inside(const char* op, const Dims& sizes, const Dims& strides, Index offset, Index capacity) {
  const Index extent = extent_of(op, sizes, strides);
  if (offset < 0) fail(op, ": the storage offset must not be negative, got ", offset);
  if (extent > 0 && extent > capacity - offset) {
    fail(op, ": sizes ", sizes, ", strides ", strides, " and storage offset ", offset, " reach ", extent,
         " elements far, but the storage has ", capacity);
  }
}

// Whether the elements fill a piece of memory, each place once, in whatever order.
bool is_dense(const Tensor& x) {
  if (x.is_contiguous()) return true;
  Dims order;
  for (int d = 0; d < x.dim(); ++d) {
    if (x.sizes[d] != 1) order.push_back(d);
  }
  std::sort(order.begin(), order.end(),
            [&](Index a, Index b) { return x.strides[static_cast<int>(a)] < x.strides[static_cast<int>(b)]; });
  Index step = 1;
  for (Index d : order) {
    if (x.strides[static_cast<int>(d)] != step) return false;
    step *= x.sizes[static_cast<int>(d)];
  }
  return true;
}

// An index that names the place of each element.
Lookup strided_lookup(const Tensor& out, const Tensor& x, const Dims& strides, Index offset) {
  Tensor places = full({}, Scalar::of(offset), DType::int64);
  for (int d = 0; d < x.dim(); ++d) {
    const Tensor along = arange(Scalar::of(Index{0}), Scalar::of(strides[d]), x.sizes[d], DType::int64);
    const Tensor before = unsqueeze(places, d);
    places = binary(Binary::add, "as_strided", {&before, {}}, {&along, {}});
  }
  return {"as_strided", places, out.view(x.sizes, Dims(x.dim()), 0), x, out.numel(), 1};
}

}  // namespace

Tensor as_strided(const Tensor& x, const Dims& sizes, const Dims& strides, Index offset) {
  check_inside("as_strided", sizes, strides, offset, static_cast<Index>(x.storage->bytes / item_size(x.dtype)));
  return x.view(sizes, strides, offset);
}

Tensor strided_add(const Tensor& x, const Dims& strides, Index offset, Index n) {
  check_inside("as_strided", x.sizes, strides, offset, n);
  Tensor out = zeros({n}, x.dtype);
  if (const Accelerator* cuda = accelerator_of(x)) {
    if (x.numel() > 0) cuda->put(Scatter::add, strided_lookup(out, x, strides, offset));
    return out;
  }
  const BinaryLoop add = kernels().binary[static_cast<int>(Binary::add)][static_cast<int>(x.dtype)];
  const Walk<2> walk(x.sizes, {strides, x.strides});
  const auto width = static_cast<Index>(item_size(x.dtype));
  const Index step = walk.strides[0].back(), from_step = walk.strides[1].back();
  // A run that stays at one place is added one by one: the kernel takes its results for independent.
  const Index run = step == 0 ? 1 : walk.inner(), runs = x.numel() == 0 ? 0 : walk.inner() / run;
  for (Index row = 0; runs > 0 && row < walk.outer(); ++row) {
    const auto at = walk.offsets(row);
    char* to = static_cast<char*>(out.raw()) + (offset + at[0]) * width;
    const char* from = static_cast<const char*>(x.raw()) + at[1] * width;
    for (Index i = 0; i < runs; ++i) add(to, to, from + i * from_step * width, run, step, step, from_step);
  }
  return out;
}

Tensor unfold(const Tensor& x, Index dim, Index size, Index step) {
  const int d = wrap_dim(dim, x.dim(), "unfold");
  const Index n = x.dim() == 0 ? 1 : x.sizes[d];
  if (size < 0) fail("unfold: size is ", size, " but must be >= 0");
  if (size > n) fail("unfold: maximum size for tensor at dimension ", d, " is ", n, " but size is ", size);
  if (step <= 0) fail("unfold: step is ", step, " but must be > 0");
  Tensor out = x;
  out.sizes.push_back(size);
  out.strides.push_back(x.dim() == 0 ? 1 : x.strides[d]);
  if (x.dim() == 0) return out;
  out.sizes[d] = (n - size) / step + 1;
  // Where this overflows there is one window, whose stride is never used.
  if (__builtin_mul_overflow(x.strides[d], step, &out.strides[d])) out.strides[d] = x.strides[d];
  return out;
}

Tensor empty_strided(const Dims& sizes, const Dims& strides, DType dtype) {
  const Index extent = extent_of("empty_strided", sizes, strides);
  return empty({extent}, dtype).view(sizes, strides, 0);
}

Tensor empty_in_order_of(const Tensor& x, DType dtype) {
  if (x.numel() == 0) return empty(x.sizes, dtype);
  if (is_dense(x)) return empty_strided(x.sizes, x.strides, dtype);
  Dims strides(x.dim());
  Index step = 1;
  const Dims order = memory_order(x);
  for (int i = order.size() - 1; i >= 0; --i) {
    const auto d = static_cast<int>(order[i]);
    strides[d] = step;
    step *= x.sizes[d];
  }
  return empty_strided(x.sizes, strides, dtype);
}

Tensor dense_copy(const Tensor& x, DType dtype) {
  if (x.is_contiguous()) {
    Tensor out = cast(x, dtype);
    if (out.numel() > 0) out.strides = x.strides;  // those of dimensions of size 1 may be any
    return out;
  }
  Tensor out = empty_in_order_of(x, dtype);
  copy_(out, x);
  out.storage->version = 0;  // the first content is no change
  return out;
}

}  // namespace fastgrad::ops
