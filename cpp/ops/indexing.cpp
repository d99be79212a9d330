// Reading by index.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/lines.h"
#include "ops/ops.h"
#include "ops/selection.h"

namespace fastgrad::ops {
namespace {

char* element(const Tensor& t, Index at) {
  return static_cast<char*>(t.raw()) + at * static_cast<Index>(item_size(t.dtype));
}

// The dimensions [begin, end) of t.
Tensor part_of(const Tensor& t, int begin, int end) {
  Dims sizes, strides;
  for (int d = begin; d < end; ++d) {
    sizes.push_back(t.sizes[d]);
    strides.push_back(t.strides[d]);
  }
  return t.view(sizes, strides, t.offset);
}

// Each position stands for one block of memory: kernel calls over many positions, for each index of the front.
void index_blocks(const Selection& s, const Tensor& out) {
  const Tensor front = part_of(s.rest_view, 0, s.front);
  const Walk<1> walk(front.sizes, {front.strides});
  const auto item = static_cast<Index>(item_size(out.dtype));
  const Index positions = s.offsets.numel(), rows = walk.outer() * walk.inner() * positions;
  const Index width = out.numel() / rows * item;
  parallel_for(0, rows, std::max<Index>(1, pointwise_grain * 4 / width), [&](Index begin, Index end) {
    while (begin < end) {
      const Index line = begin / positions, first = begin % positions, n = std::min(positions - first, end - begin);
      const Index from = walk.offsets(line / walk.inner())[0] + line % walk.inner() * walk.strides[0].back();
      kernels().gather_rows(static_cast<char*>(out.raw()) + begin * width, element(s.rest_view, from),
                            s.offsets.data<Index>() + first, n, width, item);
      begin += n;
    }
  });
}

// The general case: for each position, a strided copy of what it stands for.
void index_runs(const Selection& s, const Tensor& out) {
  Dims order;
  const int batch = s.batch.size();
  for (int d = 0; d < out.dim(); ++d) {
    if (d < s.front || d >= s.front + batch) order.push_back(d);
  }
  const Tensor positions = part_of(out, s.front, s.front + batch);
  Dims rest_strides;
  for (Index d : order) rest_strides.push_back(out.strides[static_cast<int>(d)]);
  const Walk<2> rest(s.rest, {s.rest_view.strides, rest_strides});
  const Index step = batch == 0 ? 0 : positions.strides[batch - 1], runs = rest.outer(), inner = rest.inner();
  const int t = static_cast<int>(out.dtype);
  const UnaryLoop copy = kernels().cast[t][t];
  parallel_for(0, s.offsets.numel(), std::max<Index>(1, pointwise_grain / (runs * inner)), [&](Index begin, Index end) {
    for (Index p = begin; p < end; ++p) {
      const Index from = s.offsets.data<Index>()[p], to = p * step;  // out is contiguous: so are its positions
      for (Index r = 0; r < runs; ++r) {
        const auto at = rest.offsets(r);
        copy(element(out, to + at[1]), element(s.rest_view, from + at[0]), inner, rest.strides[1].back(),
             rest.strides[0].back());
      }
    }
  });
}

}  // namespace

Tensor nonzero(const Tensor& input) {
  const Tensor mask = contiguous(input.dtype == DType::boolean ? input : cast(input, DType::boolean));
  if (const Accelerator* cuda = accelerator_of(mask)) return cuda->nonzero(mask);
  const bool* m = mask.data<bool>();
  const Index n = mask.numel();
  const int dims = mask.dim(), last = dims - 1;
  Index count = 0;
  for (Index i = 0; i < n; ++i) count += m[i];
  // Every element writes its position, but only those that are not 0 keep it: a branch would be guessed wrong too
  // often. The last writes need a place too.
  const Tensor out = empty({count + 1, dims}, DType::int64);
  Index* to = out.data<Index>();
  const Index columns = dims == 0 ? 1 : mask.sizes[last];
  Dims row(std::max(last, 0));
  for (Index start = 0; start < n; start += columns) {
    for (Index c = 0; c < columns; ++c) {
      for (int d = 0; d < last; ++d) to[d] = row[d];
      if (dims > 0) to[last] = c;
      to += dims * m[start + c];
    }
    for (int d = last - 1; d >= 0 && ++row[d] == mask.sizes[d]; --d) row[d] = 0;
  }
  return narrow(out, 0, 0, count);
}

Tensor index(const Tensor& x, const IndexList& indices, const Dims& axes) {
  const Selection s = selection(x, indices, axes);
  Tensor out = empty(s.result_shape, x.dtype);
  if (out.numel() == 0) return out;
  if (const Accelerator* cuda = accelerator_of(x)) {
    cuda->take(lookup_of(s, out));
    return out;
  }
  if (part_of(s.rest_view, s.front, s.rest.size()).is_contiguous()) {
    index_blocks(s, out);
  } else {
    index_runs(s, out);
  }
  return out;
}

Tensor index_select(const Tensor& x, Index dim, const Tensor& index) {
  if (index.dim() > 1) {
    fail(ErrorKind::index, "index_select: Index is supposed to be a vector, but its shape is ", index.sizes);
  }
  const Tensor numbers = index_numbers("index_select", ErrorKind::runtime, index);
  const int d = wrap_dim(dim, x.dim(), "index_select");
  const Index n = x.dim() == 0 ? 1 : x.sizes[d];
  check_positions("index_select", ErrorKind::index, numbers, n, d);
  if (x.dim() == 0) {
    if (index.numel() != 1) fail("index_select: Index to scalar can have only 1 value, got ", index.numel());
    return clone(x);
  }
  IndexList indices(static_cast<std::size_t>(d) + 1);
  indices.back() = view(numbers, {-1});
  return ops::index(x, indices);
}

void check_positions(const char* op, ErrorKind kind, const Tensor& index, Index n, int dim) {
  if (index.device().is_cuda()) {  // the kernel looks at each
    if (n == 0 && index.numel() > 0) fail(kind, op, ": index is out of bounds for dimension ", dim, " with size 0");
    return;
  }
  const auto limit = static_cast<std::uint64_t>(n);  // a negative index is larger without its sign
  Tensor distinct = index;                           // what an expanded index repeats is looked at once
  for (int d = 0; d < index.dim(); ++d) {
    if (index.strides[d] == 0 && index.sizes[d] > 1) distinct.sizes[d] = 1;
  }
  const Walk<1> walk(distinct.sizes, {distinct.strides});
  std::atomic<bool> is_wrong = false;
  for_each_run(walk, [&](const std::array<Index, 1>& at, Index count) {
    const Index* p = index.data<Index>() + at[0];
    bool wrong = false;
    for (Index i = 0; i < count; ++i) wrong |= static_cast<std::uint64_t>(p[i * walk.strides[0].back()]) >= limit;
    if (wrong) is_wrong = true;
  });
  if (!is_wrong) return;
  const Tensor all = contiguous(distinct);
  for (const Index* p = all.data<Index>();; ++p) {
    if (*p < 0 || *p >= n) fail(kind, op, ": index ", *p, " is out of bounds for dimension ", dim, " with size ", n);
  }
}

void check_along(const char* op, const Tensor& indexed, int dim, const Tensor& index) {
  if (std::max(index.dim(), 1) != std::max(indexed.dim(), 1)) {
    fail(op, ": Index tensor must have the same number of dimensions as the input: ", index.sizes, " and ",
         indexed.sizes);
  }
  for (int d = 0; d < std::min(index.dim(), indexed.dim()); ++d) {
    if (d != dim && index.sizes[d] > indexed.sizes[d]) {
      fail(op, ": Size does not match at dimension ", d, ": expected index ", index.sizes,
           " to be no larger than the tensor ", indexed.sizes, " apart from dimension ", dim);
    }
  }
  check_positions(op, ErrorKind::runtime, index, indexed.dim() == 0 ? 1 : indexed.sizes[dim], dim);
}

Lookup lookup_along(const char* op, int dim, const Tensor& index, const Tensor& indexed, const Tensor& other) {
  Dims strides = indexed.strides;
  strides[dim] = 0;
  return {op,
          index,
          indexed.view(index.sizes, strides, indexed.offset),
          other.view(index.sizes, other.strides, other.offset),
          indexed.sizes[dim],
          indexed.strides[dim]};
}

Tensor gather(const Tensor& x, Index dim, const Tensor& index) {
  const int d = wrap_dim(dim, x.dim(), "gather");
  Tensor out = empty(index.sizes, x.dtype);
  if (index.numel() == 0) return out;
  const Tensor numbers = index_numbers("gather", ErrorKind::runtime, index);
  check_along("gather", x, d, numbers);
  if (const Accelerator* cuda = accelerator_of(x)) {
    cuda->take(lookup_along("gather", d, at_least_1d(numbers), at_least_1d(x), at_least_1d(out)));
    return out;
  }
  const Lines lines = lines_along(d, at_least_1d(numbers), at_least_1d(x), at_least_1d(out));
  const int t = static_cast<int>(x.dtype);
  const UnaryLoop copy = kernels().cast[t][t];
  const GatherLoop pick = kernels().gather[t];
  for_each_line(
      lines,
      [&](Index from, Index to, Index n) {
        copy(element(out, to), element(x, from), n, lines.walk.strides[2].back(), lines.walk.strides[1].back());
      },
      [&](Index from, Index to, const Index* at, Index n, const IndexedSteps& steps) {
        pick(element(out, to), element(x, from), at, n, steps);
      });
  return out;
}

static Tensor one_hot_on(const Accelerator& cuda, const Tensor& labels, const Dims& shape) {
  const Tensor out = zeros(shape, DType::int64);
  if (out.numel() == 0) return out;
  const Index n = labels.numel(), classes = shape.back();
  const Tensor one = expand(full({}, Scalar::of(Index{1}), DType::int64), {n});
  cuda.put(Scatter::write, {"one_hot", view(labels, {n}), out.view({n}, {classes}, 0), one, classes, 1, false, true});
  return out;
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
  if (const Accelerator* cuda = accelerator_of(from)) return one_hot_on(*cuda, from, shape);
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

}  // namespace fastgrad::ops
