// Views: other shapes for the same memory.
#include <algorithm>

#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

// A shape in which one size may be -1, with that size worked out.
Dims inferred(const char* op, const Tensor& x, const Dims& sizes) {
  Dims shape = sizes;
  int unknown = -1;
  Index known = 1;
  for (int d = 0; d < shape.size(); ++d) {
    if (shape[d] == -1) {
      if (unknown >= 0) fail(op, ": only one dimension can be inferred, but the shape is ", sizes);
      unknown = d;
    } else if (shape[d] < 0) {
      fail(op, ": invalid shape dimension ", shape[d], " in ", sizes, "; use -1 for the one size to infer");
    } else {
      known = checked_multiply(known, shape[d], sizes);
    }
  }
  const Index n = x.numel();
  if (unknown >= 0) {
    if (known == 0) {
      fail(op, ": cannot reshape tensor of shape ", x.sizes, " into ", sizes, " because the size -1 is ambiguous");
    }
    shape[unknown] = n / known;
    known *= shape[unknown];
  }
  if (known != n) {
    fail(op, ": shape '", sizes, "' is invalid for input of size ", n, " (shape ", x.sizes,
         "); the number of elements must stay the same");
  }
  return shape;
}

// The strides under which x's memory reads as `shape`, if there are any.
std::optional<Dims> view_strides(const Tensor& x, const Dims& shape) {
  if (x.numel() == 0) return x.sizes == shape ? x.strides : contiguous_strides(shape);
  Dims strides(shape.size());
  int to = shape.size() - 1;
  Index chunk = 1, chunk_stride = x.dim() == 0 ? 1 : x.strides[x.dim() - 1];
  for (int from = x.dim() - 1; from >= 0; --from) {
    chunk *= x.sizes[from];
    const bool ends = from == 0 || (x.sizes[from - 1] != 1 && x.strides[from - 1] != chunk * chunk_stride);
    if (!ends) continue;
    Index filled = 1;
    while (to >= 0 && (filled < chunk || shape[to] == 1)) {
      strides[to] = filled * chunk_stride;
      filled *= shape[to--];
    }
    if (filled != chunk) return std::nullopt;
    chunk = 1;
    if (from > 0) chunk_stride = x.strides[from - 1];
  }
  for (; to >= 0; --to) strides[to] = 1;  // x has no dimensions: all new sizes are 1
  return strides;
}

}  // namespace

Tensor view(const Tensor& x, const Dims& sizes) {
  Dims shape = inferred("view", x, sizes);
  std::optional<Dims> strides = view_strides(x, shape);
  if (!strides) {
    fail("view: view size is not compatible with input tensor's size ", x.sizes, " and stride ", x.strides,
         " (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead.");
  }
  return x.view(std::move(shape), std::move(*strides), x.offset);
}

Tensor view_as_dtype(const Tensor& x, DType dtype) {
  const auto from = static_cast<Index>(item_size(x.dtype)), to = static_cast<Index>(item_size(dtype));
  Tensor out = x;
  out.dtype = dtype;
  if (from == to) return out;
  const int last = x.dim() - 1;
  if (last < 0) fail("view: a 0-dim tensor cannot be read as a dtype of another element size");
  if (x.strides[last] != 1)
    fail("view: the last stride must be 1 to read ", dtype_name(x.dtype), " as ", dtype_name(dtype));
  // Every step but the last one, counted in the new elements.
  const auto counted = [&](Index n, const char* what) {
    if (n * from % to != 0) {
      fail("view: ", what, " ", n, " must be divisible by ", to / from, " to view ", dtype_name(x.dtype), " as ",
           dtype_name(dtype), " (different element sizes)");
    }
    return n * from / to;
  };
  out.sizes[last] = counted(x.sizes[last], "the last size");
  out.offset = counted(x.offset, "the storage offset");
  for (int d = 0; d < last; ++d) out.strides[d] = counted(x.strides[d], "the stride");
  return out;
}

Tensor reshape(const Tensor& x, const Dims& sizes) {
  Dims shape = inferred("reshape", x, sizes);
  std::optional<Dims> strides = view_strides(x, shape);
  return strides ? x.view(std::move(shape), std::move(*strides), x.offset) : view(clone(x), shape);
}

Tensor transpose(const Tensor& x, Index a, Index b) {
  const int i = wrap_dim(a, x.dim(), "transpose"), j = wrap_dim(b, x.dim(), "transpose");
  Tensor out = x;
  if (x.dim() > 0) {
    std::swap(out.sizes[i], out.sizes[j]);
    std::swap(out.strides[i], out.strides[j]);
  }
  return out;
}

Tensor permute(const Tensor& x, const Dims& order) {
  if (order.size() != x.dim()) {
    fail("permute: number of dimensions in the tensor input (", x.dim(), ") does not match the length of the desired ",
         "ordering ", order);
  }
  Dims sizes(x.dim()), strides(x.dim()), seen(x.dim());
  for (int d = 0; d < x.dim(); ++d) {
    const int from = wrap_dim(order[d], x.dim(), "permute");
    if (seen[from]++) fail("permute: duplicate dims are not allowed, but the ordering is ", order);
    sizes[d] = x.sizes[from];
    strides[d] = x.strides[from];
  }
  return x.view(std::move(sizes), std::move(strides), x.offset);
}

Tensor squeeze(const Tensor& x, const Dims& dims) {
  Dims drop(x.dim()), seen(x.dim());
  for (Index d : dims) {
    const int at = wrap_dim(d, x.dim(), "squeeze");
    if (x.dim() == 0) continue;
    if (seen[at]++) fail("squeeze: dim ", at, " appears multiple times in the list of dims ", dims);
    drop[at] = x.sizes[at] == 1;
  }
  Dims sizes, strides;
  for (int d = 0; d < x.dim(); ++d) {
    if (drop[d]) continue;
    sizes.push_back(x.sizes[d]);
    strides.push_back(x.strides[d]);
  }
  return x.view(std::move(sizes), std::move(strides), x.offset);
}

Tensor squeeze_all(const Tensor& x) {
  Dims dims;
  for (int d = 0; d < x.dim(); ++d) dims.push_back(d);
  return squeeze(x, dims);
}

Tensor unsqueeze(const Tensor& x, Index dim) {
  const int at = wrap_dim(dim, x.dim() + 1, "unsqueeze");
  Tensor out = x;
  out.strides.insert(at, at < x.dim() ? x.sizes[at] * x.strides[at] : 1);
  out.sizes.insert(at, 1);
  return out;
}

Tensor expand(const Tensor& x, const Dims& sizes) {
  const int extra = sizes.size() - x.dim();
  if (extra < 0) {
    fail("expand: the number of sizes provided (", sizes.size(), ") must be greater or equal to the number of ",
         "dimensions in the tensor (", x.dim(), ")");
  }
  Dims shape = sizes;
  for (int d = 0; d < shape.size(); ++d) {
    const Index have = d < extra ? 1 : x.sizes[d - extra];
    if (shape[d] == -1 && d >= extra) shape[d] = have;
    if (shape[d] < 0 || (shape[d] != have && have != 1)) {
      fail("expand: the expanded size of the tensor (", shape[d], ") must match the existing size (", have,
           ") at non-singleton dimension ", d, ". Target sizes: ", sizes, ". Tensor sizes: ", x.sizes);
    }
  }
  numel_of(shape);  // an error where the product overflows
  return x.view(shape, broadcast_strides(x, shape), x.offset);
}

Tensor select(const Tensor& x, Index dim, Index index) {
  if (x.dim() == 0) fail(ErrorKind::index, "select: a 0-dim tensor has no dimension to select from; use .item()");
  const int d = wrap_dim(dim, x.dim(), "select");
  const Index n = x.sizes[d];
  if (index < -n || index >= n) {
    fail(ErrorKind::index, "index ", index, " is out of bounds for dimension ", d, " with size ", n, " (shape ",
         x.sizes, ")");
  }
  Tensor out = x;
  out.offset += (index < 0 ? index + n : index) * x.strides[d];
  out.sizes.erase(d);
  out.strides.erase(d);
  return out;
}

Tensor slice(const Tensor& x, Index dim, Index start, Index stop, Index step) {
  if (x.dim() == 0) fail(ErrorKind::index, "slice: a 0-dim tensor cannot be sliced; use .item()");
  if (step <= 0) fail(ErrorKind::value, "slice: step must be greater than zero, got ", step, "; use flip() to reverse");
  const int d = wrap_dim(dim, x.dim(), "slice");
  const Index n = x.sizes[d];
  const auto clip = [n](Index i) { return std::clamp<Index>(i < 0 ? i + n : i, 0, n); };
  const Index first = clip(start), last = std::max(first, clip(stop));
  Tensor out = x;
  out.offset += first * x.strides[d];
  out.sizes[d] = (last - first) / step + ((last - first) % step != 0);
  // A step beyond the dimension takes one element, whose stride is never used.
  if (out.sizes[d] > 1) out.strides[d] = x.strides[d] * step;
  return out;
}

Tensor narrow(const Tensor& x, Index dim, Index start, Index length) {
  if (x.dim() == 0) fail("narrow: cannot be applied to a 0-dim tensor");
  const int d = wrap_dim(dim, x.dim(), "narrow");
  const Index n = x.sizes[d];
  if (start < -n || start > n) {
    fail(ErrorKind::index, "narrow: start ", start, " is out of range for dimension ", d, " with size ", n);
  }
  const Index first = start < 0 ? start + n : start;
  if (length < 0 || length > n - first) {
    fail("narrow: start (", first, ") + length (", length, ") exceeds dimension size (", n, ")");
  }
  return slice(x, d, first, first + length, 1);
}

}  // namespace fastgrad::ops
