// Diagonals of matrices, and their parts on either side.
#include <algorithm>
#include <cstring>

#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

void check_matrices(const char* op, const Tensor& x) {
  if (x.dim() < 2) fail(op, ": input tensor must have at least 2 dimensions, got the shape ", x.sizes);
}

Tensor triangle_on(const Accelerator& cuda, const Tensor& x, Index diagonal, bool upper) {
  Tensor out = empty(x.sizes, x.dtype);
  if (out.numel() > 0) cuda.triangle(out, contiguous(x), diagonal, upper);
  return out;
}

// Rows of matrices, of which the columns [first(row), last(row)) are kept and the others become 0.
template <class First, class Last>
Tensor kept_columns(const Tensor& x, const First& first, const Last& last) {
  Tensor out = empty(x.sizes, x.dtype);
  const Tensor from = contiguous(x);
  const Index rows = x.sizes[x.dim() - 2], columns = x.sizes[x.dim() - 1];
  if (out.numel() == 0) return out;
  const auto width = static_cast<Index>(item_size(x.dtype));
  parallel_for(0, out.numel() / columns, std::max<Index>(1, pointwise_grain / columns), [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const Index low = std::clamp<Index>(first(r % rows), 0, columns);
      const Index high = std::max(low, std::min(last(r % rows), columns));
      char* const to = static_cast<char*>(out.raw()) + r * columns * width;
      std::memset(to, 0, static_cast<std::size_t>(low * width));
      std::memcpy(to + low * width, static_cast<const char*>(from.raw()) + (r * columns + low) * width,
                  static_cast<std::size_t>((high - low) * width));
      std::memset(to + high * width, 0, static_cast<std::size_t>((columns - high) * width));
    }
  });
  return out;
}

// A diagonal beyond the matrix's corners is as far away as any other.
Index limited(Index diagonal, const Tensor& x) {
  Index far = 1;
  for (Index n : x.sizes) far = std::max(far, n + 1);
  return std::clamp(diagonal, -far, far);
}

}  // namespace

Tensor diagonal(const Tensor& x, Index offset, Index dim1, Index dim2) {
  const int i = wrap_dim(dim1, x.dim(), "diagonal"), j = wrap_dim(dim2, x.dim(), "diagonal");
  if (i == j) fail("diagonal dimensions cannot be identical ", dim1, ", ", dim2, " (the shape is ", x.sizes, ")");
  const Index k = limited(offset, x);
  const Index n =
      std::max<Index>(0, k >= 0 ? std::min(x.sizes[i], x.sizes[j] - k) : std::min(x.sizes[i] + k, x.sizes[j]));
  Dims sizes = x.sizes, strides = x.strides;
  for (int d : {std::max(i, j), std::min(i, j)}) {
    sizes.erase(d);
    strides.erase(d);
  }
  sizes.push_back(n);
  strides.push_back(x.strides[i] + x.strides[j]);
  const Index start = n == 0 ? 0 : k >= 0 ? k * x.strides[j] : -k * x.strides[i];
  return x.view(std::move(sizes), std::move(strides), x.offset + start);
}

Tensor tril(const Tensor& x, Index diagonal) {
  check_matrices("tril", x);
  const Index k = limited(diagonal, x);
  if (const Accelerator* cuda = accelerator_of(x)) return triangle_on(*cuda, x, k, false);
  return kept_columns(x, [](Index) { return 0; }, [k](Index row) { return row + k + 1; });
}

Tensor triu(const Tensor& x, Index diagonal) {
  check_matrices("triu", x);
  const Index k = limited(diagonal, x), columns = x.sizes[x.dim() - 1];
  if (const Accelerator* cuda = accelerator_of(x)) return triangle_on(*cuda, x, k, true);
  return kept_columns(x, [k](Index row) { return row + k; }, [columns](Index) { return columns; });
}

}  // namespace fastgrad::ops
