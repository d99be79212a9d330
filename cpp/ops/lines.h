// What gather, scatter and writing by index have in common: lines along which an index says where to go.
#pragma once

#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad {

// Every line has `places` places. Place i of a line of `other` belongs to position index[i] of that line of `indexed`.
struct Lines {
  Walk<3> walk;  // from line to line: index, indexed, other
  Index places;
  std::array<Index, 3> steps;  // from place to place (of `indexed`: from position to position)
  const Index* index;          // at the first line; already checked
};

// The lines along a dimension of three tensors of equal dim() > 0; `index` has the fewest of everything.
inline Lines lines_along(int dim, const Tensor& index, const Tensor& indexed, const Tensor& other) {
  Dims sizes = index.sizes;
  std::array<Dims, 3> strides{index.strides, indexed.strides, other.strides};
  const std::array<Index, 3> steps{strides[0][dim], strides[1][dim], strides[2][dim]};
  sizes.erase(dim);
  for (Dims& s : strides) s.erase(dim);
  return {Walk<3>(sizes, strides), index.sizes[dim], steps, index.data<Index>()};
}

// Neighbouring lines with the same index are handled as rows from this width on.
inline constexpr Index shortest_row = 8;

// Covers all places of all lines, those of one line in their order, in parallel over lines: by calls of
// rows(indexed_at, other_at, n) for one place of n neighbouring lines, strides walk.strides[1 and 2].back(), or of
// elements(indexed_at, other_at, index, n, steps), as the kernels take them. All of them are counted in elements.
template <class Rows, class Elements>
void for_each_line(const Lines& s, const Rows& rows, const Elements& elements) {
  const Index inner = s.walk.inner(), lines = inner * s.walk.outer();
  if (lines == 0 || s.places == 0) return;
  const std::array<Index, 3> next{s.walk.strides[0].back(), s.walk.strides[1].back(), s.walk.strides[2].back()};
  const bool as_rows = next[0] == 0 && inner >= shortest_row;
  const bool along = inner < shortest_row || s.steps[0] < next[0];
  const IndexedSteps steps =
      along ? IndexedSteps{0, s.steps[1], s.steps[0], s.steps[2]} : IndexedSteps{next[1], s.steps[1], next[0], next[2]};
  const auto piece = [&](std::array<Index, 3> at, Index width) {
    for (Index i = 0; i < (along ? width : s.places); ++i) {
      if (as_rows) {
        rows(at[1] + s.index[at[0]] * s.steps[1], at[2], width);
      } else {
        elements(at[1], at[2], s.index + at[0], along ? s.places : width, steps);
      }
      at[0] += along ? next[0] : s.steps[0];
      at[1] += along ? next[1] : 0;
      at[2] += along ? next[2] : s.steps[2];
    }
  };
  parallel_for(0, lines, std::max<Index>(as_rows ? 64 : 1, pointwise_grain / s.places), [&](Index begin, Index end) {
    while (begin < end) {
      const Index column = begin % inner, width = std::min(inner - column, end - begin);
      std::array<Index, 3> at = s.walk.offsets(begin / inner);
      for (int k = 0; k < 3; ++k) at[k] += column * next[k];
      piece(at, width);
      begin += width;
    }
  });
}

namespace ops {

// A tensor without dimensions as one with one.
inline Tensor at_least_1d(const Tensor& t) { return t.dim() == 0 ? t.view({1}, {1}, t.offset) : t; }
// That every index (int64) lies in [0, n); the error names the dimension. On a CUDA device kernels look at the indices.
void check_positions(const char* op, ErrorKind kind, const Tensor& index, Index n, int dim);
// That a nonempty index fits a tensor along a dimension, as gather and scatter want it.
void check_along(const char* op, const Tensor& indexed, int dim, const Tensor& index);

// The same lines for a CUDA device, where the index has not been looked at.
Lookup lookup_along(const char* op, int dim, const Tensor& index, const Tensor& indexed, const Tensor& other);

}  // namespace ops
}  // namespace fastgrad
