// Writing by index. Indices that name one place twice act in their order, whatever the number of threads.
#include <algorithm>

#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/lines.h"
#include "ops/ops.h"
#include "ops/overlap.h"
#include "ops/selection.h"

namespace fastgrad::ops {
namespace {

char* element(const Tensor& t, Index at) {
  return static_cast<char*>(t.raw()) + at * static_cast<Index>(item_size(t.dtype));
}

// to[...] = f(to[...], from[...]) over runs of elements.
class RowWriter {
 public:
  RowWriter(Scatter how, const Tensor& to, const Tensor& from) : to_(to), from_(from) {
    const int t = static_cast<int>(to.dtype);
    if (how == Scatter::write) {
      copy_ = kernels().cast[t][t];
    } else {
      constexpr Binary same[] = {Binary::add, Binary::add, Binary::mul, Binary::minimum, Binary::maximum};
      combine_ = kernels().binary[static_cast<int>(same[static_cast<int>(how)])][t];
    }
  }

  void operator()(Index to, Index from, Index n, Index to_step, Index from_step) const {
    char* const target = element(to_, to);
    if (copy_ != nullptr) {
      copy_(target, element(from_, from), n, to_step, from_step);
    } else {
      combine_(target, target, element(from_, from), n, to_step, to_step, from_step);
    }
  }

 private:
  const Tensor& to_;
  const Tensor& from_;
  UnaryLoop copy_ = nullptr;
  BinaryLoop combine_ = nullptr;
};

void write_lines(Scatter how, const Lines& lines, const Tensor& to, const Tensor& from) {
  const RowWriter write(how, to, from);
  const ScatterLoop put = kernels().scatter[static_cast<int>(how)][static_cast<int>(to.dtype)];
  for_each_line(
      lines,
      [&](Index target, Index source, Index n) {
        write(target, source, n, lines.walk.strides[1].back(), lines.walk.strides[2].back());
      },
      [&](Index target, Index source, const Index* at, Index n, const IndexedSteps& steps) {
        put(element(to, target), element(from, source), at, n, steps);
      });
}

// The same along a dimension, on whatever device.
void write_along(const char* op, Scatter how, int dim, const Tensor& index, const Tensor& to, const Tensor& from) {
  if (const Accelerator* cuda = accelerator_of(to)) return cuda->put(how, lookup_along(op, dim, index, to, from));
  write_lines(how, lines_along(dim, index, to, from), to, from);
}

void check_same_dtype(const char* op, const Tensor& to, const Tensor& from) {
  if (to.dtype != from.dtype) {
    fail(op, ": expected self and src to have the same dtype, got ", dtype_name(to.dtype), " and ",
         dtype_name(from.dtype), "; convert src with .to(self.dtype)");
  }
}

// `from`, or a copy of it if it shares memory with what is written to, in whatever order.
Tensor apart_from(const Tensor& to, const Tensor& from) {
  return may_clobber(to, from) || same_geometry(to, from) ? clone(from) : from;
}

// Values for a selection, in its shape.
Tensor values_for(const Selection& s, const Tensor& values) {
  Tensor v = values;
  while (v.dim() > s.result_shape.size() && v.sizes[0] == 1) v = select(v, 0, 0);  // as PyTorch does
  bool fits = v.dim() <= s.result_shape.size();
  for (int d = 1; fits && d <= v.dim(); ++d) {
    const Index n = v.sizes[v.dim() - d];
    fits = n == 1 || n == s.result_shape[s.result_shape.size() - d];
  }
  if (!fits) {
    fail("shape mismatch: value tensor of shape ", values.sizes, " cannot be broadcast to indexing result of shape ",
         s.result_shape);
  }
  return expand(v, s.result_shape);
}

// The same with the dimensions of the positions first.
Tensor positions_first(const Selection& s, const Tensor& values) {
  const int batch = s.batch.size(), dims = s.result_shape.size();
  Dims order;
  for (int d = s.front; d < s.front + batch; ++d) order.push_back(d);
  for (int d = 0; d < dims; ++d) {
    if (d < s.front || d >= s.front + batch) order.push_back(d);
  }
  return permute(values, order);
}

Dims steps_of(const Tensor& t, int begin, int end) {
  Dims steps;
  for (int d = begin; d < end; ++d) steps.push_back(t.strides[d]);
  return steps;
}

// One line for each element that a position stands for, along the positions.
Lines lines_of(const Selection& s, const Tensor& values, const Walk<1>& batch) {
  const Walk<3> walk(s.rest,
                     {Dims(s.rest.size()), s.rest_view.strides, steps_of(values, s.batch.size(), values.dim())});
  return {walk, s.offsets.numel(), {1, 1, batch.strides[0].back()}, s.offsets.data<Index>()};
}

}  // namespace

void scatter_(const char* op, Scatter how, const Tensor& to, Index dim, const Tensor& index, const Tensor& from) {
  check_inplace(op, to);
  const int d = wrap_dim(dim, to.dim(), op);
  check_same_dtype(op, to, from);
  if (index.numel() == 0) return bump_version(to);
  const Tensor numbers = apart_from(to, index_numbers(op, ErrorKind::runtime, index));
  check_along(op, to, d, numbers);
  const Tensor target = at_least_1d(to), places = at_least_1d(numbers), source = at_least_1d(apart_from(to, from));
  for (int k = 0; k < places.dim(); ++k) {
    if (places.dim() != source.dim() || places.sizes[k] > source.sizes[k]) {
      fail(op, ": expected index ", index.sizes, " to be no larger than src ", from.sizes, " in any dimension");
    }
  }
  write_along(op, how, d, places, target, source);
  bump_version(to);
}

Tensor row_index(const char* op, const Tensor& to, Index dim, const Tensor& index, const Tensor& source) {
  const int d = wrap_dim(dim, to.dim(), op);
  if (index.dim() > 1) {
    fail(ErrorKind::index, op, ": Index is supposed to be a vector, but got the shape ", index.sizes);
  }
  const Tensor rows = view(contiguous(index_numbers(op, ErrorKind::runtime, index)), {-1});
  const Tensor whole = at_least_1d(to), given = at_least_1d(source);
  Dims expected = whole.sizes;
  expected[d] = rows.sizes[0];
  if (!(given.sizes == expected)) {
    fail(op, ": source tensor shape must match self tensor shape, excluding dimension ", d,
         ", where there is one for each index: expected ", expected, ", got ", source.sizes);
  }
  Dims steps(whole.dim());
  steps[d] = rows.strides[0];
  return rows.view(expected, steps, rows.offset);
}

void index_write_(const char* op, ErrorKind kind, Scatter how, const Tensor& to, Index dim, const Tensor& index,
                  const Tensor& source) {
  check_inplace(op, to);
  check_same_dtype(op, to, source);
  const int d = wrap_dim(dim, to.dim(), op);
  const Tensor rows = row_index(op, to, dim, apart_from(to, index), source);
  check_positions(op, kind, rows, to.dim() == 0 ? 1 : to.sizes[d], d);
  const Tensor target = at_least_1d(to), from = at_least_1d(apart_from(to, source));
  if (rows.numel() > 0) write_along(op, how, d, rows, target, from);
  bump_version(to);
}

void index_fill_(const Tensor& to, Index dim, const Tensor& index, Scalar value) {
  check_inplace("index_fill_", to);
  const int d = wrap_dim(dim, to.dim(), "index_fill_");
  const Index n = to.dim() == 0 ? 1 : to.sizes[d];
  if (index.dim() > 1) fail("index_fill_: Index has to be a vector, but got the shape ", index.sizes);
  if (index.dtype != DType::int64) {
    fail(ErrorKind::index, "index_fill_: Expected dtype int64 for index, got ", dtype_name(index.dtype));
  }
  const Tensor rows = clone(view(contiguous(index), {-1}));
  if (rows.device().is_cuda()) {
    const Scalar size = Scalar::of(n), zero = Scalar::of(Index{0});
    const Tensor is_negative = binary(Binary::lt, "lt", {&rows, {}}, {nullptr, zero});
    const Tensor from_end = binary(Binary::add, "add", {&rows, {}}, {nullptr, size});
    copy_(rows, where(is_negative, {&from_end, {}}, {&rows, {}}));
  } else {
    for (Index i = 0; i < rows.numel(); ++i) rows.data<Index>()[i] = wrapped(rows.data<Index>()[i], n, d);
  }
  Dims shape = at_least_1d(to).sizes;
  shape[d] = rows.numel();
  index_write_("index_fill_", ErrorKind::index, Scatter::write, at_least_1d(to), d, rows,
               expand(scalar_tensor(value, to.dtype), shape));
}

void index_put_(const Tensor& x, const IndexList& indices, const Tensor& values, bool accumulate, const Dims& axes) {
  check_inplace("index_put_", x);
  if (accumulate && is_half(x.dtype)) {
    const Tensor wide = cast(x, DType::float32);
    index_put_(wide, indices, cast(values, DType::float32), true, axes);
    return copy_(x, wide);
  }
  const Selection s = selection(x, indices, axes);
  const Tensor same = values.dtype == x.dtype ? values : cast(values, x.dtype);
  const Tensor given = values_for(s, apart_from(x, same));
  if (const Accelerator* cuda = accelerator_of(x)) {
    if (given.numel() > 0) cuda->put(accumulate ? Scatter::add : Scatter::write, lookup_of(s, given));
    return bump_version(x);
  }
  Tensor v = positions_first(s, given);
  const int batch = s.batch.size();
  if (Walk<1>(s.batch, {steps_of(v, 0, batch)}).sizes.size() > 1) v = clone(v);  // so that positions are one step apart
  const Lines lines = lines_of(s, v, Walk<1>(s.batch, {steps_of(v, 0, batch)}));
  write_lines(accumulate ? Scatter::add : Scatter::write, lines, x, v);
  bump_version(x);
}

void masked_fill_(const Tensor& x, const Tensor& mask, const Tensor& value) {
  check_inplace("masked_fill_", x);
  if (!(broadcast_shapes("masked_fill_", x.sizes, mask.sizes) == x.sizes)) {
    fail("masked_fill_: output with shape ", x.sizes, " doesn't match the broadcast shape of the mask ", mask.sizes);
  }
  const Tensor fill = cast(value, x.dtype), chosen = apart_from(x, mask);
  if (const Accelerator* cuda = accelerator_of(x)) {
    cuda->where(x, chosen, fill, x);
    return bump_version(x);
  }
  const Walk<2> walk(x.sizes, {x.strides, broadcast_strides(chosen, x.sizes)});
  const WhereLoop kernel = kernels().where[static_cast<int>(x.dtype)];
  const Index step = walk.strides[0].back();
  for_each_run(walk, [&](const std::array<Index, 2>& at, Index n) {
    kernel(element(x, at[0]), chosen.data<bool>() + at[1], fill.raw(), element(x, at[0]), n, step,
           walk.strides[1].back(), 0, step);
  });
  bump_version(x);
}

}  // namespace fastgrad::ops
