// Reading and writing by index.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "ops/iterate.h"
#include "ops/ops.h"
#include "ops/overlap.h"

namespace fastgrad::ops {
namespace {

Index wrapped(Index i, Index n, int dim) {
  if (i < -n || i >= n) {
    fail(ErrorKind::index, "index ", i, " is out of bounds for dimension ", dim, " with size ", n);
  }
  return i < 0 ? i + n : i;
}

void check_index_dtype(const char* op, const Tensor& index) {
  if (index.dtype != DType::int64 && index.dtype != DType::int32) {
    fail(ErrorKind::index, op, ": tensors used as indices must be long, int, byte or bool tensors, got ",
         dtype_name(index.dtype));
  }
}

// What x[indices] means: which positions of the indexed dimensions are taken, in which order, and the shape of the
// result.
struct Selection {
  Dims batch;        // the broadcast shape of the index tensors
  Dims rest;         // the sizes of the dimensions taken whole
  Tensor rest_view;  // x at position 0 of every indexed dimension: the elements that each position stands for
  Tensor offsets;    // int64, one per element of `batch`: where in x's storage, relative to x
  int front = 0;     // how many dimensions of `rest` come before `batch` in the result
  Dims result_shape;
};

std::vector<Tensor> broadcast_indices(const IndexList& indices, Dims& shape) {
  for (const OptionalTensor& i : indices) {
    if (!i) continue;
    check_index_dtype("index", *i);
    for (int d = 1; d <= std::min(shape.size(), i->dim()); ++d) {
      const Index x = shape[shape.size() - d], y = i->sizes[i->dim() - d];
      if (x != y && x != 1 && y != 1) {
        fail(ErrorKind::index, "shape mismatch: indexing tensors could not be broadcast together with shapes ", shape,
             ", ", i->sizes);
      }
    }
    shape = broadcast_shapes("index", shape, i->sizes);
  }
  std::vector<Tensor> full;
  for (const OptionalTensor& i : indices) {
    if (i) full.push_back(contiguous(expand(i->dtype == DType::int64 ? *i : cast(*i, DType::int64), shape)));
  }
  return full;
}

// One run of neighbouring index tensors keeps its place; tensors apart from each other go to the front.
bool are_adjacent(const IndexList& indices) {
  const auto present = [](const OptionalTensor& i) { return i.has_value(); };
  const auto first = std::find_if(indices.begin(), indices.end(), present);
  const auto gap = std::find_if_not(first, indices.end(), present);
  return std::none_of(gap, indices.end(), present);
}

Tensor element_offsets(const Tensor& x, const IndexList& indices, const std::vector<Tensor>& full, const Dims& batch) {
  Tensor offsets = zeros(batch, DType::int64);
  Index* const to = offsets.data<Index>();
  std::size_t k = 0;
  for (int d = 0; d < static_cast<int>(indices.size()); ++d) {
    if (!indices[d]) continue;
    const Index* from = full[k++].data<Index>();
    for (Index i = 0; i < offsets.numel(); ++i) to[i] += wrapped(from[i], x.sizes[d], d) * x.strides[d];
  }
  return offsets;
}

Selection selection(const Tensor& x, const IndexList& indices) {
  if (static_cast<int>(indices.size()) > x.dim()) {
    fail(ErrorKind::index, "too many indices for tensor of dimension ", x.dim(), " (got ", indices.size(), ")");
  }
  Selection s;
  const std::vector<Tensor> full = broadcast_indices(indices, s.batch);
  s.offsets = element_offsets(x, indices, full, s.batch);
  Dims rest_strides;
  const bool adjacent = are_adjacent(indices);
  bool before = true;
  for (int d = 0; d < x.dim(); ++d) {
    if (d < static_cast<int>(indices.size()) && indices[d]) {
      before = false;
      continue;
    }
    s.front += before && adjacent;
    s.rest.push_back(x.sizes[d]);
    rest_strides.push_back(x.strides[d]);
  }
  s.rest_view = x.view(s.rest, rest_strides, x.offset);
  for (int d = 0; d < s.front; ++d) s.result_shape.push_back(s.rest[d]);
  for (Index n : s.batch) s.result_shape.push_back(n);
  for (int d = s.front; d < s.rest.size(); ++d) s.result_shape.push_back(s.rest[d]);
  return s;
}

// `t` (of the result's shape) with the dimensions of `batch` moved to the front.
Tensor batch_first(const Selection& s, const Tensor& t) {
  Dims order;
  const int batch = s.batch.size();
  for (int d = 0; d < batch; ++d) order.push_back(s.front + d);
  for (int d = 0; d < t.dim(); ++d) {
    if (d < s.front || d >= s.front + batch) order.push_back(d);
  }
  return permute(t, order);
}

// Calls f(x_element, other_element, n, x_stride, other_stride) for each run of elements of each selected position;
// `other` is batch first.
template <class F>
void for_each_selected(const Selection& s, const Tensor& other, const F& f) {
  const Dims other_rest_strides = [&] {
    Dims strides;
    for (int d = s.batch.size(); d < other.dim(); ++d) strides.push_back(other.strides[d]);
    return strides;
  }();
  Dims batch_strides;
  for (int d = 0; d < s.batch.size(); ++d) batch_strides.push_back(other.strides[d]);
  const Walk<2> rest(s.rest, {s.rest_view.strides, other_rest_strides});
  const Walk<1> batch(s.batch, {batch_strides});
  const Index* offsets = s.offsets.data<Index>();
  const Index positions = s.offsets.numel(), runs = rest.outer(), inner = batch.inner();
  if (rest.inner() == 0) return;
  for (Index p = 0; p < positions; ++p) {
    const Index base = batch.offsets(p / inner)[0] + (p % inner) * batch.strides[0].back();
    for (Index r = 0; r < runs; ++r) {
      const auto at = rest.offsets(r);
      f(offsets[p] + at[0], base + at[1], rest.inner(), rest.strides[0].back(), rest.strides[1].back());
    }
  }
}

char* element(const Tensor& t, Index at) {
  return static_cast<char*>(t.raw()) + at * static_cast<Index>(item_size(t.dtype));
}

// Whole rows of contiguous memory: one kernel call, in parallel.
void gather_rows(const Tensor& out, const Tensor& x, const Tensor& rows, Index width) {
  const auto bytes = width * static_cast<Index>(item_size(x.dtype));
  parallel_for(0, rows.numel(), std::max<Index>(1, pointwise_grain * 4 / std::max<Index>(1, bytes)),
               [&](Index begin, Index end) {
                 kernels().gather_rows(static_cast<char*>(out.raw()) + begin * bytes, x.raw(),
                                       rows.data<Index>() + begin, end - begin, bytes);
               });
}

// Row numbers of the first dimension, wrapped and checked.
Tensor checked_rows(const Tensor& index, Index n, int dim) {
  Tensor rows = contiguous(index.dtype == DType::int64 ? index : cast(index, DType::int64));
  const Index* from = rows.data<Index>();
  bool negative = false;
  for (Index i = 0; i < rows.numel(); ++i) negative = wrapped(from[i], n, dim) != from[i] || negative;
  if (!negative) return rows;
  rows = clone(rows);
  for (Index i = 0; i < rows.numel(); ++i) rows.data<Index>()[i] = wrapped(rows.data<Index>()[i], n, dim);
  return rows;
}

Tensor index_first(const Tensor& x, const Tensor& index) {
  check_index_dtype("index", index);
  const Tensor rows = checked_rows(index, x.sizes[0], 0);
  Dims shape = index.sizes;
  Index width = 1;
  for (int d = 1; d < x.dim(); ++d) {
    shape.push_back(x.sizes[d]);
    width *= x.sizes[d];
  }
  Tensor out = empty(shape, x.dtype);
  if (out.numel() > 0) gather_rows(out, x, rows, width);
  return out;
}

}  // namespace

Tensor nonzero(const Tensor& input) {
  const Tensor mask = contiguous(input.dtype == DType::boolean ? input : cast(input, DType::boolean));
  const bool* m = mask.data<bool>();
  const Index n = mask.numel(), count = std::count(m, m + n, true);
  Tensor out = empty({count, mask.dim()}, DType::int64);
  Index* to = out.data<Index>();
  for (Index i = 0; i < n; ++i) {
    if (!m[i]) continue;
    Index rest = i;
    for (int d = mask.dim() - 1; d >= 0; --d) {
      to[d] = rest % mask.sizes[d];
      rest /= mask.sizes[d];
    }
    to += mask.dim();
  }
  return out;
}

Tensor index(const Tensor& x, const IndexList& indices) {
  if (indices.size() == 1 && indices[0] && x.dim() > 0 && x.is_contiguous()) return index_first(x, *indices[0]);
  const Selection s = selection(x, indices);
  Tensor out = empty(s.result_shape, x.dtype);
  const UnaryLoop copy = kernels().cast[static_cast<int>(x.dtype)][static_cast<int>(x.dtype)];
  for_each_selected(s, batch_first(s, out), [&](Index from, Index to, Index n, Index from_step, Index to_step) {
    copy(element(out, to), element(x, from), n, to_step, from_step);
  });
  return out;
}

void index_put_(const Tensor& x, const IndexList& indices, const Tensor& values, bool accumulate) {
  check_inplace("index_put_", x);
  if (accumulate && is_half(x.dtype)) {
    const Tensor wide = cast(x, DType::float32);
    index_put_(wide, indices, cast(values, DType::float32), true);
    return copy_(x, wide);
  }
  const Selection s = selection(x, indices);
  Tensor v = values.dtype == x.dtype ? values : cast(values, x.dtype);
  if (!(broadcast_shapes("index_put_", v.sizes, s.result_shape) == s.result_shape)) {
    fail("shape mismatch: value tensor of shape ", values.sizes, " cannot be broadcast to indexing result of shape ",
         s.result_shape);
  }
  if (may_clobber(x, v)) v = clone(v);
  v = batch_first(s, expand(v, s.result_shape));
  const int t = static_cast<int>(x.dtype);
  const UnaryLoop copy = kernels().cast[t][t];
  const BinaryLoop add = kernels().binary[static_cast<int>(Binary::add)][t];
  for_each_selected(s, v, [&](Index to, Index from, Index n, Index to_step, Index from_step) {
    if (accumulate) {
      add(element(x, to), element(x, to), element(v, from), n, to_step, to_step, from_step);
    } else {
      copy(element(x, to), element(v, from), n, to_step, from_step);
    }
  });
  bump_version(x);
}

Tensor index_select(const Tensor& x, Index dim, const Tensor& index) {
  if (index.dim() > 1) {
    fail(ErrorKind::index, "index_select: Index is supposed to be a vector, but its shape is ", index.sizes);
  }
  check_index_dtype("index_select", index);
  if (x.dim() == 0) return ops::index(view(x, {1}), {view(index, {-1})});
  IndexList indices(static_cast<std::size_t>(wrap_dim(dim, x.dim(), "index_select")) + 1);
  const Tensor positions = view(contiguous(index), {-1});
  const Index n = x.sizes[wrap_dim(dim, x.dim(), "index_select")];
  if (positions.numel() > 0 && item(amin(positions, {}, false)).integer < 0) {
    fail(ErrorKind::index, "index_select: index out of range: negative indices are not allowed here; sizes go up to ",
         n);
  }
  indices.back() = positions;
  return ops::index(x, indices);
}

namespace {

// gather and scatter walk `index`; along dim the position comes from the index.
template <class F>
void for_each_along(const char* op, const Tensor& indexed, int dim, const Tensor& index, const Tensor& other,
                    const F& f) {
  const Index n = indexed.dim() == 0 ? 1 : indexed.sizes[dim];
  const Index step = indexed.dim() == 0 ? 1 : indexed.strides[dim];
  Dims others = indexed.strides;
  if (indexed.dim() > 0) others[dim] = 0;
  const Walk<3> walk(index.sizes, {index.strides, others, other.strides});
  if (index.numel() == 0) return;
  for (Index row = 0; row < walk.outer(); ++row) {
    const auto at = walk.offsets(row);
    for (Index i = 0; i < walk.inner(); ++i) {
      const Index p = index.data<Index>()[at[0] + i * walk.strides[0].back()];
      if (p < 0 || p >= n) {
        fail(ErrorKind::runtime, op, ": index ", p, " is out of bounds for dimension ", dim, " with size ", n);
      }
      f(at[1] + i * walk.strides[1].back() + p * step, at[2] + i * walk.strides[2].back());
    }
  }
}

void check_along(const char* op, const Tensor& indexed, int dim, const Tensor& index) {
  if (index.dtype != DType::int64) fail(op, ": Expected dtype int64 for index, got ", dtype_name(index.dtype));
  if (index.dim() != indexed.dim() && !(index.dim() <= 1 && indexed.dim() <= 1)) {
    fail(op, ": Index tensor must have the same number of dimensions as the input: ", index.sizes, " and ",
         indexed.sizes);
  }
  for (int d = 0; d < index.dim() && d < indexed.dim(); ++d) {
    if (d != dim && index.sizes[d] > indexed.sizes[d]) {
      fail(op, ": Size does not match at dimension ", d, ": expected index ", index.sizes,
           " to be no larger than the tensor ", indexed.sizes, " apart from dimension ", dim);
    }
  }
}

}  // namespace

Tensor gather(const Tensor& x, Index dim, const Tensor& index) {
  const int d = wrap_dim(dim, x.dim(), "gather");
  check_along("gather", x, d, index);
  Tensor out = empty(index.sizes, x.dtype);
  const auto width = item_size(x.dtype);
  for_each_along("gather", x, d, index, out,
                 [&](Index from, Index to) { std::memcpy(element(out, to), element(x, from), width); });
  return out;
}

void scatter_(const Tensor& to, Index dim, const Tensor& index, const Tensor& from, bool accumulate) {
  check_inplace("scatter_", to);
  const int d = wrap_dim(dim, to.dim(), "scatter_");
  check_along("scatter_", to, d, index);
  if (from.dtype != to.dtype) {
    fail("scatter_: Expected self.dtype to be equal to src.dtype, got ", dtype_name(to.dtype), " and ",
         dtype_name(from.dtype));
  }
  for (int k = 0; k < index.dim(); ++k) {
    if (index.dim() != from.dim() || index.sizes[k] > from.sizes[k]) {
      fail("scatter_: expected index ", index.sizes, " to be no larger than src ", from.sizes, " in any dimension");
    }
  }
  const Tensor source = may_clobber(to, from) ? clone(from) : from;
  visit_dtype(to.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_each_along("scatter_", to, d, index, source, [&](Index at, Index i) {
      T& target = to.data<T>()[at];
      const T value = source.data<T>()[i];
      target = accumulate ? static_cast<T>(target + value) : value;
    });
  });
  bump_version(to);
}

Tensor argsort(const Tensor& x, Index dim, bool descending) {
  const int d = wrap_dim(dim, x.dim(), "argsort");
  if (x.dim() == 0) return zeros({}, DType::int64);
  const Tensor values = contiguous(transpose(x, d, -1));
  Tensor order = empty(values.sizes, DType::int64);
  const Index n = x.sizes[d];
  if (order.numel() == 0) return contiguous(transpose(order, d, -1));
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (Index row = 0; row < values.numel() / n; ++row) {
      const T* v = values.data<T>() + row * n;
      Index* o = order.data<Index>() + row * n;
      std::iota(o, o + n, 0);
      // NaN counts as the largest value.
      const auto less = [v](Index i, Index j) { return v[i] < v[j] || (v[j] != v[j] && v[i] == v[i]); };
      std::stable_sort(o, o + n, [&](Index i, Index j) { return descending ? less(j, i) : less(i, j); });
    }
  });
  return contiguous(transpose(order, d, -1));
}

Tensor one_hot(const Tensor& labels, Index classes) {
  if (is_floating(labels.dtype) || labels.dtype == DType::boolean) {
    fail("one_hot: expected integer class labels, got ", dtype_name(labels.dtype), "; convert them with .long()");
  }
  const Tensor from = contiguous(labels.dtype == DType::int64 ? labels : cast(labels, DType::int64));
  const Index n = from.numel();
  if (n == 0 && classes <= 0) fail("one_hot: cannot infer num_classes from an empty tensor; give num_classes");
  if (classes == -1) classes = item(amax(from, {}, false)).integer + 1;
  Dims shape = from.sizes;
  shape.push_back(classes);
  for (Index i = 0; i < n; ++i) {
    const Index label = from.data<Index>()[i];
    if (label < 0 || label >= classes) {
      fail("one_hot: class values must be in [0, ", classes, "), but label ", label, " stands at position ", i);
    }
  }
  Tensor out = zeros(shape, DType::int64);
  for (Index i = 0; i < n; ++i) out.data<Index>()[i * classes + from.data<Index>()[i]] = 1;
  return out;
}

Tensor bincount(const Tensor& x, const OptionalTensor& weights, Index minlength) {
  if (x.dim() != 1 || is_floating(x.dtype) || x.dtype == DType::boolean) {
    fail("bincount: expected a 1-d tensor of non-negative integers, got shape ", x.sizes, " and ", dtype_name(x.dtype));
  }
  if (minlength < 0) fail("bincount: minlength should be >= 0, got ", minlength);
  const Tensor bins = contiguous(cast(x, DType::int64));
  if (weights && !(weights->sizes == x.sizes)) {
    fail("bincount: weights should have the same shape as input: ", weights->sizes, " and ", x.sizes);
  }
  Index size = minlength;
  for (Index i = 0; i < bins.numel(); ++i) {
    const Index bin = bins.data<Index>()[i];
    if (bin < 0) fail("bincount: expected non-negative integers, got ", bin, " at position ", i);
    size = std::max(size, checked_multiply(bin + 1, 1, x.sizes));
  }
  if (!weights) {
    Tensor out = zeros({size}, DType::int64);
    for (Index i = 0; i < bins.numel(); ++i) ++out.data<Index>()[bins.data<Index>()[i]];
    return out;
  }
  const Tensor w = contiguous(cast(*weights, DType::float64));
  Tensor out = zeros({size}, DType::float64);
  for (Index i = 0; i < bins.numel(); ++i) out.data<double>()[bins.data<Index>()[i]] += w.data<double>()[i];
  return weights->dtype == DType::float32 ? cast(out, DType::float32) : out;
}

}  // namespace fastgrad::ops
