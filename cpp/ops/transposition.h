// Copies that transpose.
#pragma once

#include <array>
#include <optional>

#include "ops/iterate.h"

namespace fastgrad {

// The last dimension along which operand k's neighbours are neighbours in memory; -1: none.
inline int dense_dim(const Walk<2>& walk, int k) {
  for (int d = walk.last(); d >= 0; --d) {
    if (walk.strides[k][d] == 1 && walk.sizes[d] > 1) return d;
  }
  return -1;
}

// The matrices that a copy transposes: `to` is dense along one dimension (the columns), `from` along another one
// (the rows). What lies along the others is one matrix each.
struct Transposition {
  Index rows, columns, to_stride, from_stride;
  Walk<2> matrices;
};

// Where a copy is one of matrices with at least so many rows and columns.
inline std::optional<Transposition> transposition(const Walk<2>& walk, Index worth_it) {
  const int columns = dense_dim(walk, 0), rows = dense_dim(walk, 1);
  if (rows < 0 || columns < 0 || rows == columns) return std::nullopt;
  if (walk.sizes[rows] < worth_it || walk.sizes[columns] < worth_it) return std::nullopt;
  std::array<Dims, 2> strides;
  Dims others;
  for (int d = 0; d < walk.sizes.size(); ++d) {
    if (d == rows || d == columns) continue;
    others.push_back(walk.sizes[d]);
    for (int k = 0; k < 2; ++k) strides[k].push_back(walk.strides[k][d]);
  }
  others.push_back(1);
  for (Dims& s : strides) s.push_back(0);
  return Transposition{walk.sizes[rows], walk.sizes[columns], walk.strides[0][rows], walk.strides[1][columns],
                       Walk<2>(others, strides)};
}

}  // namespace fastgrad
