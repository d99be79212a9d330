// Matrix products of raw matrices on the device. The tensor side is cuda/matmul.cu.
#pragma once

#include "core/dims.h"
#include "core/dtype.h"

namespace fastgrad::cuda {

// A stack of matrices in memory: element (i, j) of matrix (o, q) is data[o * outer + q * inner + i * row + j * column].
struct Factor {
  const void* data = nullptr;
  Index row = 0, column = 0;
  Index outer = 0, inner = 0;
};

// outer * inner products C (m x n) = A (m x k) B (k x n), added to C when `accumulate`. The rows of C are contiguous.
// 16-bit floats are added up in float32.
struct Product {
  DType dtype;
  Index m, n, k;
  Factor a = {}, b = {};
  void* c = nullptr;
  Index c_row = 0;
  Index c_outer = 0, c_inner = 0;
  Index outer = 1, inner = 1;
  bool accumulate = false;

  Index count() const { return outer * inner; }
};

void multiply(const Product& p);

// Whether float32 may be rounded to TF32 before it is multiplied.
bool tf32_is_allowed();

// The product through cuBLAS; false where there is none, or where it has no function for this product.
bool multiply_by_blas(const Product& p);
// Whether cuBLAS could read such matrices of a product.
bool is_readable_by_blas(Index rows, Index columns, const Factor& matrix);
bool blas_is_available();

// The product on tensor cores; false where there are none for its dtype.
bool multiply_on_tensor_cores(const Product& p);

}  // namespace fastgrad::cuda
