// What x[indices] means, for reading and for writing.
#pragma once

#include "accelerator.h"
#include "ops/ops.h"

namespace fastgrad::ops {

// Which positions of the indexed dimensions are taken, in which order, and the shape of the result.
struct Selection {
  Dims batch;        // the broadcast shape of the index tensors
  Dims rest;         // the sizes of the dimensions taken whole
  Tensor rest_view;  // x at position 0 of every indexed dimension: the elements that each position stands for
  Tensor offsets;    // int64, one per element of `batch`: where in x's storage, relative to x
  Lookup positions;  // instead of that, on a CUDA device: an index that has not been looked at
  int front = 0;     // how many dimensions of `rest` come before `batch` in the result
  Dims result_shape;
};

// Every index is checked; `axes` says how messages call the dimensions of x, unless it is empty.
Selection selection(const Tensor& x, const IndexList& indices, const Dims& axes);

// An index in [-n, n), wrapped; the error names the dimension as `axis`.
inline Index wrapped(Index i, Index n, Index axis) {
  if (i < -n || i >= n) {
    fail(ErrorKind::index, "index ", i, " is out of bounds for dimension ", axis, " with size ", n);
  }
  return i < 0 ? i + n : i;
}

// The elements of a selection (on a CUDA device) beside others of the result's shape.
Lookup lookup_of(const Selection& s, const Tensor& other);

// The tensor as int64, if its dtype is int64 or int32.
Tensor index_numbers(const char* op, ErrorKind kind, const Tensor& index);

}  // namespace fastgrad::ops
