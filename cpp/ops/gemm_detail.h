// The parts that the files of the matrix product (gemm*.cpp) share.
#pragma once

#include <algorithm>

#include "core/parallel.h"
#include "ops/gemm.h"

namespace fastgrad::detail {

// Fewer multiply-adds than this (a microsecond or two) are not worth another thread.
inline constexpr Index parallel_work = 1 << 17;

// How many units of `work` multiply-adds each make a piece worth a thread.
inline Index grain_of(Index work) { return std::max<Index>(1, parallel_work / std::max<Index>(1, work)); }

constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

template <class T>
struct Product {
  Index m, n, k;
  MatrixView<T> a, b;
  T* c;
  Index ldc;
  bool accumulate;
  Bias<T> bias;
  Index threads = num_threads();  // asked once: the scratch memory depends on it

  Index work() const { return m * n * k; }
};

template <class T>
const MatmulKernels<T>& matmul_kernels() {
  return kernels().template floats<T>().matmul;
}

// Adds the bias to the rows and columns from (row, column) on.
template <class T>
void finish(const Product<T>& p, Index row, Index column, Index rows, Index columns) {
  if (p.bias.data == nullptr) return;
  const T* const bias = p.bias.data + (p.bias.of_rows ? row : column);
  matmul_kernels<T>().add_bias(p.c + row * p.ldc + column, p.ldc, bias, p.bias.of_rows, rows, columns);
}

// The general case, by tiles, and how much scratch memory (in elements) it needs.
template <class T>
void multiply_panels(const Product<T>& p, T* scratch);
template <class T>
Index panels_scratch(const Product<T>& p);

}  // namespace fastgrad::detail
