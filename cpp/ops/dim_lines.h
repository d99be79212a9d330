// Tensors seen as the lines along one dimension.
#pragma once

#include <array>

#include "ops/iterate.h"

namespace fastgrad {

// The lines along dimension `dim` of N tensors whose other sizes agree. A 0-d tensor is one line of one element.
template <int N>
class DimLines {
 public:
  DimLines(const std::array<Tensor, N>& tensors, int dim)
      : walk_(other_sizes(tensors[0], dim), other_strides(tensors, dim)) {
    for (int k = 0; k < N; ++k) steps[k] = tensors[k].dim() == 0 ? 1 : tensors[k].strides[dim];
  }

  std::array<Index, N> steps{};  // between neighbours of a line

  Index count() const { return walk_.outer() * walk_.inner(); }

  // How far from its tensor's first element line i of each tensor begins.
  std::array<Index, N> starts(Index i) const {
    std::array<Index, N> at = walk_.offsets(i / walk_.inner());
    for (int k = 0; k < N; ++k) at[k] += (i % walk_.inner()) * walk_.strides[k].back();
    return at;
  }

 private:
  static Dims without(Dims dims, int dim, Index last) {
    if (dims.size() > 0) dims.erase(dim);
    dims.push_back(last);
    return dims;
  }
  static Dims other_sizes(const Tensor& t, int dim) { return without(t.sizes, dim, 1); }
  static std::array<Dims, N> other_strides(const std::array<Tensor, N>& tensors, int dim) {
    std::array<Dims, N> all;
    for (int k = 0; k < N; ++k) all[k] = without(tensors[k].strides, dim, 1);
    return all;
  }

  Walk<N> walk_;
};

// A contiguous tensor seen as [outer, n, inner], where n are the places along one dimension.
struct DimBlock {
  Index outer = 1, n = 1, inner = 1;

  DimBlock(const Tensor& x, int dim) {
    for (int d = 0; d < x.dim(); ++d) (d < dim ? outer : d == dim ? n : inner) *= x.sizes[d];
  }
  bool empty() const { return outer * n * inner == 0; }
};

// An index for each of `lines` lines of n elements above which work is shared among threads.
inline Index line_grain(Index n) { return std::max<Index>(1, pointwise_grain / std::max<Index>(1, n)); }

}  // namespace fastgrad
