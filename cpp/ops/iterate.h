// Walking several tensors of one (broadcast) shape in step.
#pragma once

#include <algorithm>
#include <array>

#include "core/parallel.h"
#include "core/tensor.h"

namespace fastgrad {

// Elements below which a pointwise loop stays in one thread: about 10 microseconds of the cheapest kernel.
inline constexpr Index pointwise_grain = 32768;

// The shape that NumPy's rules broadcast `a` and `b` to; RuntimeError in PyTorch's words when they do not fit.
Dims broadcast_shapes(const char* op, const Dims& a, const Dims& b);
// The strides with which `t` is read as `shape`: 0 along repeated dimensions.
Dims broadcast_strides(const Tensor& t, const Dims& shape);

// N operands over one shape, with neighbouring dimensions merged where every operand allows it and the last
// dimension innermost.
template <int N>
struct Walk {
  Dims sizes;
  std::array<Dims, N> strides;

  Walk(const Dims& shape, std::array<Dims, N> all) : strides{} {
    for (int d = 0; d < shape.size(); ++d) {
      if (shape[d] == 1) continue;
      if (sizes.empty() || !merges(all, d, shape[d])) {
        sizes.push_back(shape[d]);
        for (int k = 0; k < N; ++k) strides[k].push_back(all[k][d]);
      } else {
        sizes[sizes.size() - 1] *= shape[d];
        for (int k = 0; k < N; ++k) strides[k][sizes.size() - 1] = all[k][d];
      }
    }
    if (sizes.empty()) {
      sizes.push_back(1);
      for (Dims& s : strides) s.push_back(1);
    }
  }

  int last() const { return sizes.size() - 1; }
  Index inner() const { return sizes.back(); }
  Index outer() const {
    Index n = 1;
    for (int d = 0; d < last(); ++d) n *= sizes[d];
    return n;
  }

  // The element offset of each operand at the `row`-th innermost run.
  std::array<Index, N> offsets(Index row) const {
    std::array<Index, N> at{};
    for (int d = last() - 1; d >= 0; --d) {
      const Index i = row % sizes[d];
      row /= sizes[d];
      for (int k = 0; k < N; ++k) at[k] += i * strides[k][d];
    }
    return at;
  }

  // Moves the offsets of one innermost run to those of the next.
  void advance(std::array<Index, N>& at, Index row) const {
    for (int d = last() - 1; d >= 0; --d) {
      const bool carries = (row + 1) % sizes[d] == 0;
      for (int k = 0; k < N; ++k) at[k] += carries ? -strides[k][d] * (sizes[d] - 1) : strides[k][d];
      if (!carries) return;
      row /= sizes[d];
    }
  }

 private:
  bool merges(const std::array<Dims, N>& all, int d, Index size) const {
    for (int k = 0; k < N; ++k) {
      if (strides[k].back() != all[k][d] * size) return false;
    }
    return true;
  }
};

// Calls run(offsets, n) for runs of n elements along the innermost dimension until all are covered, in parallel
// when there is enough to do. Offsets and strides (walk.strides[k].back()) are in elements.
template <int N, class F>
void for_each_run(const Walk<N>& walk, const F& run) {
  const Index inner = walk.inner(), outer = walk.outer();
  if (inner == 0 || outer == 0) return;
  if (outer == 1) {
    parallel_for(0, inner, pointwise_grain, [&](Index begin, Index end) {
      std::array<Index, N> at{};
      for (int k = 0; k < N; ++k) at[k] = begin * walk.strides[k].back();
      run(at, end - begin);
    });
    return;
  }
  parallel_for(0, outer, std::max<Index>(1, pointwise_grain / inner), [&](Index begin, Index end) {
    std::array<Index, N> at = walk.offsets(begin);
    for (Index row = begin; row < end; ++row) {
      run(at, inner);
      walk.advance(at, row);
    }
  });
}

}  // namespace fastgrad
