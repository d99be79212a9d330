// Triangles of matrices.
#include "cuda/families.h"
#include "cuda/lookup.cuh"

namespace fastgrad::cuda {
namespace {

template <class U>
__global__ void copy_triangle(U* out, const U* from, Index n, Index rows, Index columns, Index diagonal, bool lower) {
  for (Index i = thread_index(); i < n; i += thread_count()) {
    const Index line = i / columns, column = i - line * columns, last = line % rows + diagonal;
    out[i] = (lower ? column <= last : column >= last) ? from[i] : U{};
  }
}

}  // namespace

void keep_triangle(const Tensor& out, const Tensor& x, Index diagonal, bool lower) {
  const Index n = out.numel(), columns = out.sizes[out.dim() - 1], rows = out.sizes[out.dim() - 2];
  visit_unit(static_cast<Index>(item_size(out.dtype)), [&](auto unit) {
    using U = decltype(unit);
    launch("tril", copy_triangle<U>, blocks_for(n), block_threads, 0, static_cast<U*>(out.address()),
           static_cast<const U*>(x.address()), n, rows, columns, diagonal, lower);
  });
}

}  // namespace fastgrad::cuda
