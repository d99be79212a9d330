// Reductions. Long ones are cut into blocks of a fixed length whose results are reduced again: the cuts never
// depend on the number of threads, so neither do the bits.
#include <algorithm>

#include "accelerator.h"
#include "ops/dim_lines.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

constexpr Index row_piece = 65536;    // elements of one row that one thread reduces
constexpr Index column_piece = 1024;  // rows of a column block that one thread reduces

// Which dimensions go. An empty list names them all.
Dims reduced_flags(const char* name, const Tensor& x, const Dims& dims) {
  Dims flags(x.dim(), dims.empty() ? 1 : 0);
  for (Index d : dims) {
    const int at = wrap_dim(d, x.dim(), name);
    if (x.dim() == 0) continue;
    if (flags[at]) fail(name, ": dim ", at, " appears multiple times in the list of dims");
    flags[at] = 1;
  }
  return flags;
}

Dims reduced_shape(const Tensor& x, const Dims& flags, bool keepdim) {
  Dims shape;
  for (int d = 0; d < x.dim(); ++d) {
    if (!flags[d]) {
      shape.push_back(x.sizes[d]);
    } else if (keepdim) {
      shape.push_back(1);
    }
  }
  return shape;
}

// A contiguous tensor seen as [outer, n, inner], to be reduced over n.
struct Block {
  Tensor x;
  Index outer = 1, n = 1, inner = 1;
};

Tensor reduced_dims_last(const Tensor& x, const Dims& flags) {
  Dims order;
  for (int d = 0; d < x.dim(); ++d) {
    if (!flags[d]) order.push_back(d);
  }
  for (int d = 0; d < x.dim(); ++d) {
    if (flags[d]) order.push_back(d);
  }
  return contiguous(permute(x, order));
}

Block as_block(const Tensor& input, const Dims& flags) {
  int first = 0, last = input.dim();
  while (first < input.dim() && !flags[first]) ++first;
  while (last > first && !flags[last - 1]) --last;
  const bool together = std::all_of(flags.begin() + first, flags.begin() + last, [](Index f) { return f != 0; });
  Block block;
  for (int d = 0; d < input.dim(); ++d) {
    Index& part = flags[d] ? block.n : !together || d < first ? block.outer : block.inner;
    part *= input.sizes[d];
  }
  block.x = together ? contiguous(input) : reduced_dims_last(input, flags);
  return block;
}

char* at(const Tensor& t, Index element) {
  return static_cast<char*>(t.raw()) + element * static_cast<Index>(item_size(t.dtype));
}

DType result_dtype(Reduce op, DType dtype) {
  if (op == Reduce::nonzero) return DType::int64;
  return (op == Reduce::sum || op == Reduce::prod) && !is_floating(dtype) ? DType::int64 : dtype;
}

// What makes one of the results of parts.
Reduce combining(Reduce op) { return op == Reduce::square_sum || op == Reduce::nonzero ? Reduce::sum : op; }

void reduce_rows(Reduce op, const Tensor& out, const Tensor& x, Index rows, Index n) {
  const ReduceRows kernel = kernels().reduce_rows[static_cast<int>(op)][static_cast<int>(x.dtype)];
  const Index pieces = (n + row_piece - 1) / row_piece;
  if (pieces <= 1) {
    parallel_for(0, rows, std::max<Index>(1, pointwise_grain / std::max<Index>(n, 1)),
                 [&](Index begin, Index end) { kernel(at(out, begin), at(x, begin * n), end - begin, n, n); });
    return;
  }
  const Tensor partial = empty({rows, pieces}, out.dtype);
  parallel_for(0, rows * pieces, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index start = (i % pieces) * row_piece;
      kernel(at(partial, i), at(x, (i / pieces) * n + start), 1, std::min(row_piece, n - start), 0);
    }
  });
  reduce_rows(combining(op), out, partial, rows, pieces);
}

// The columns of one [n, inner] matrix.
void reduce_matrix(ReduceColumns kernel, const Tensor& out, Index out_at, const Tensor& x, Index x_at, Index n,
                   Index inner) {
  constexpr Index width = 256;
  parallel_for(0, (inner + width - 1) / width, std::max<Index>(1, pointwise_grain / (width * std::max<Index>(n, 1))),
               [&](Index begin, Index end) {
                 const Index first = begin * width, last = std::min(end * width, inner);
                 kernel(at(out, out_at + first), at(x, x_at + first), n, last - first, inner);
               });
}

void reduce_columns(Reduce op, const Tensor& out, const Block& b) {
  const ReduceColumns kernel = kernels().reduce_columns[static_cast<int>(op)][static_cast<int>(b.x.dtype)];
  const Index pieces = (b.n + column_piece - 1) / column_piece;
  if (pieces > 1) {
    const Tensor partial = empty({b.outer, pieces, b.inner}, out.dtype);
    parallel_for(0, b.outer * pieces, 1, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const Index start = (i % pieces) * column_piece;
        kernel(at(partial, i * b.inner), at(b.x, ((i / pieces) * b.n + start) * b.inner),
               std::min(column_piece, b.n - start), b.inner, b.inner);
      }
    });
    reduce_columns(combining(op), out, {partial, b.outer, pieces, b.inner});
    return;
  }
  parallel_for(0, b.outer, std::max<Index>(1, pointwise_grain / std::max<Index>(1, b.n * b.inner)),
               [&](Index begin, Index end) {
                 for (Index i = begin; i < end; ++i) {
                   reduce_matrix(kernel, out, i * b.inner, b.x, i * b.n * b.inner, b.n, b.inner);
                 }
               });
}

Tensor sum_like(Reduce op, const char* name, const Tensor& x, const Dims& dims, bool keepdim,
                std::optional<DType> dtype) {
  const DType target = dtype.value_or(is_floating(x.dtype) ? x.dtype : DType::int64);
  // Reduced in float or int64, whatever narrower type is asked for.
  const DType accumulator = is_half(target) ? DType::float32 : is_floating(target) ? target : DType::int64;
  const bool fits = x.dtype == accumulator || (accumulator == DType::int64 && !is_floating(x.dtype));
  const Tensor total = reduce(op, name, fits ? x : cast(x, accumulator), dims, keepdim);
  return target == accumulator ? total : cast(total, target);
}

void check_not_empty(const char* name, const Tensor& x, const Dims& flags, ErrorKind kind) {
  for (int d = 0; d < x.dim(); ++d) {
    if (flags[d] && x.sizes[d] == 0) {
      fail(kind, name, ": Expected reduction dim ", d, " to have non-zero size, but the shape is ", x.sizes,
           "; an empty set has no extreme");
    }
  }
}

// Along a dimension that others follow: column by column, each row of them read once.
void arg_columns(ArgColumns kernel, const std::pair<Tensor, Tensor>& out, const Tensor& x, Index outer, Index n,
                 Index inner) {
  constexpr Index width = 256;
  const Index blocks = (inner + width - 1) / width;
  parallel_for(0, outer * blocks, line_grain(n * width), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index first = i % blocks * width, to = i / blocks * inner + first;
      kernel(at(out.first, to), out.second.data<Index>() + to, at(x, i / blocks * n * inner + first), n,
             std::min(width, inner - first), inner);
    }
  });
}

std::pair<Tensor, Tensor> arg_reduce(Reduce op, const char* name, const Tensor& x, Index dim, bool keepdim) {
  if (is_half(x.dtype)) fail_not_computed(x.dtype);
  const Dims flags = reduced_flags(name, x, {dim});
  check_not_empty(name, x, flags, ErrorKind::index);
  const Dims shape = reduced_shape(x, flags, keepdim);
  std::pair<Tensor, Tensor> result{empty(shape, x.dtype), empty(shape, DType::int64)};
  const int d = wrap_dim(dim, x.dim(), name);
  const Index n = x.dim() == 0 ? 1 : x.sizes[d];
  const Kernels& all = kernels();
  const ArgKernels& kernel = (op == Reduce::max ? all.argmax : all.argmin)[static_cast<int>(x.dtype)];
  Index inner = 1;
  for (int k = d + 1; k < x.dim(); ++k) inner *= x.sizes[k];
  if (const Accelerator* cuda = accelerator_of(x)) {
    const Index count = result.first.numel();
    if (count > 0) cuda->arg_reduce(op, result.first, result.second, contiguous(x), count / inner, n, inner);
    return result;
  }
  if (inner >= 16 && result.first.numel() > 0 && x.is_contiguous()) {
    arg_columns(kernel.columns, result, x, result.first.numel() / inner, n, inner);
    return result;
  }
  const DimLines<1> lines({x}, d);
  parallel_for(0, lines.count(), line_grain(n), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      kernel.line(at(result.first, i), result.second.data<Index>() + i, at(x, lines.starts(i)[0]), n, lines.steps[0]);
    }
  });
  return result;
}

Tensor truth(const Tensor& x) { return x.dtype == DType::boolean ? x : cast(x, DType::boolean); }

Tensor reduce_truth(Reduce op, const char* name, const Tensor& x, const Dims& dims, bool keepdim) {
  const Dims flags = reduced_flags(name, x, dims);
  for (int d = 0; d < x.dim(); ++d) {
    if (flags[d] && x.sizes[d] == 0) {
      return full(reduced_shape(x, flags, keepdim), Scalar::of(op == Reduce::min), DType::boolean);
    }
  }
  return reduce(op, name, truth(x), dims, keepdim);
}

}  // namespace

Tensor reduce(Reduce op, const char* name, const Tensor& x, const Dims& dims, bool keepdim) {
  const Dims flags = reduced_flags(name, x, dims);
  const int i = static_cast<int>(op), t = static_cast<int>(x.dtype);
  if (kernels().reduce_rows[i][t] == nullptr) fail_not_computed(x.dtype);
  if (op == Reduce::max || op == Reduce::min) {
    check_not_empty(name, x, flags, dims.empty() ? ErrorKind::runtime : ErrorKind::index);
  }
  Tensor out = empty(reduced_shape(x, flags, keepdim), result_dtype(op, x.dtype));
  if (out.numel() == 0) return out;
  const Block block = as_block(x, flags);
  if (const Accelerator* cuda = accelerator_of(x)) {
    cuda->reduce(op, out, block.x, block.outer, block.n, block.inner);
    return out;
  }
  if (block.inner == 1) {
    reduce_rows(op, out, block.x, block.outer, block.n);
  } else {
    reduce_columns(op, out, block);
  }
  return out;
}

Tensor sum(const Tensor& x, const Dims& dims, bool keepdim, std::optional<DType> dtype) {
  return sum_like(Reduce::sum, "sum", x, dims, keepdim, dtype);
}

Tensor prod(const Tensor& x, const Dims& dims, bool keepdim, std::optional<DType> dtype) {
  return sum_like(Reduce::prod, "prod", x, dims, keepdim, dtype);
}

Tensor amax(const Tensor& x, const Dims& dims, bool keepdim) { return reduce(Reduce::max, "amax", x, dims, keepdim); }
Tensor amin(const Tensor& x, const Dims& dims, bool keepdim) { return reduce(Reduce::min, "amin", x, dims, keepdim); }

Tensor square_sum(const Tensor& x, const Dims& dims, bool keepdim) {
  return reduce(Reduce::square_sum, "square_sum", x, dims, keepdim);
}

Tensor count_nonzero(const Tensor& x, const Dims& dims) {
  return reduce(Reduce::nonzero, "count_nonzero", x, dims, false);
}

Tensor any(const Tensor& x, const Dims& dims, bool keepdim) {
  return reduce_truth(Reduce::max, "any", x, dims, keepdim);
}

Tensor all(const Tensor& x, const Dims& dims, bool keepdim) {
  return reduce_truth(Reduce::min, "all", x, dims, keepdim);
}

std::pair<Tensor, Tensor> max_dim(const Tensor& x, Index dim, bool keepdim) {
  return arg_reduce(Reduce::max, "max", x, dim, keepdim);
}

std::pair<Tensor, Tensor> min_dim(const Tensor& x, Index dim, bool keepdim) {
  return arg_reduce(Reduce::min, "min", x, dim, keepdim);
}

Tensor sum_to_size(const Tensor& x, const Dims& sizes) {
  if (x.sizes == sizes) return x;
  const int extra = x.dim() - sizes.size();
  if (extra < 0) fail("sum_to_size: shape ", sizes, " has more dimensions than ", x.sizes);
  Dims reduced;
  for (int d = 0; d < x.dim(); ++d) {
    const Index wanted = d < extra ? 1 : sizes[d - extra];
    if (x.sizes[d] == wanted && d >= extra) continue;
    if (wanted != 1) fail("sum_to_size: shape ", sizes, " does not broadcast to ", x.sizes);
    reduced.push_back(d);
  }
  return view(sum(x, reduced, true, x.dtype), sizes);
}

}  // namespace fastgrad::ops
