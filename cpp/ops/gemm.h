// Matrix products of raw matrices with any strides. The tensor side is ops/matmul.cpp.
#pragma once

#include <cstring>
#include <type_traits>

#include "kernels.h"

namespace fastgrad {

// A matrix in memory: element (i, j) is data[i * row_stride + j * column_stride]; strides may be 0, not negative.
template <class T>
struct MatrixView {
  const T* data;
  Index row_stride, column_stride;
};

// Contiguous numbers, one for each column or row of a product, or none.
template <class T>
struct Bias {
  const T* data = nullptr;
  bool of_rows = false;
};

// C (m x n, rows contiguous, ldc elements apart) = A (m x k) B (k x n) [+ C when accumulate] + bias, for T = float and
// double. C must not overlap A or B. The bits do not depend on the number of
// threads. Throws Error(memory) before C changes, so it is no function for the inside of a parallel_for: that is
// gemm_batched's work.
template <class T>
void gemm(Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c, Index ldc, bool accumulate,
          Bias<T> bias = {});

// The operands of one of many products, as offsets in elements.
struct ProductOffsets {
  Index a, b, c, bias = 0;
};

namespace detail {
using OffsetFunction = ProductOffsets (*)(const void* context, Index i);

template <class T>
void gemm_batched(Index batch, Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c, Index ldc,
                  bool accumulate, Bias<T> bias, OffsetFunction offsets, const void* context);
}  // namespace detail

// gemm for i < batch, with a.data, b.data, c and bias.data moved by offsets(i), a ProductOffsets; the Cs must not
// overlap. Many small products run in parallel with each other, a few large ones one after the other.
template <class T, class Offsets>
void gemm_batched(Index batch, Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c, Index ldc,
                  bool accumulate, const Offsets& offsets, Bias<T> bias = {}) {
  detail::gemm_batched<T>(
      batch, m, n, k, a, b, c, ldc, accumulate, bias,
      [](const void* context, Index i) { return (*static_cast<const Offsets*>(context))(i); }, &offsets);
}

// C = A B [+ C when accumulate] for integers, which wrap around.
template <class T>
void matmul_reference(Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c, Index ldc,
                      bool accumulate = false) {
  using Wrapping = std::common_type_t<std::make_unsigned_t<T>, unsigned>;  // no promotion to a signed type
  for (Index i = 0; i < m; ++i, c += ldc) {
    if (!accumulate) std::memset(c, 0, static_cast<std::size_t>(n) * sizeof(T));
    for (Index p = 0; p < k; ++p) {
      const auto left = static_cast<Wrapping>(a.data[i * a.row_stride + p * a.column_stride]);
      const T* row = b.data + p * b.row_stride;
      for (Index j = 0; j < n; ++j) {
        c[j] = static_cast<T>(static_cast<Wrapping>(c[j]) + left * static_cast<Wrapping>(row[j * b.column_stride]));
      }
    }
  }
}

}  // namespace fastgrad
