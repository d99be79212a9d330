#include "core/tensor.h"

namespace fastgrad {

void fail_not_computed(DType t) {
  fail(ErrorKind::not_implemented, "not implemented for ", dtype_name(t),
       " tensors; convert first, e.g. with .float()");
}

Index checked_multiply(Index a, Index b, const Dims& shape) {
  Index product;
  if (__builtin_mul_overflow(a, b, &product)) {
    fail("the shape ", shape, " has more elements than 64-bit integers can count; use smaller sizes");
  }
  return product;
}

Index numel_of(const Dims& shape) {
  Index n = 1;
  bool zero = false;
  for (Index d : shape) {
    if (d < 0) fail("the shape ", shape, " has a negative size; sizes must be 0 or more");
    zero = zero || d == 0;
  }
  if (zero) return 0;
  for (Index d : shape) n = checked_multiply(n, d, shape);
  return n;
}

Dims contiguous_strides(const Dims& shape) {
  Dims strides(shape.size());
  Index step = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    strides[i] = step;
    if (shape[i] > 1) step *= shape[i];
  }
  return strides;
}

Index Tensor::numel() const {
  Index n = 1;
  for (Index d : sizes) n *= d;
  return n;
}

bool Tensor::is_contiguous() const {
  Index step = 1;
  for (int i = dim() - 1; i >= 0; --i) {
    if (sizes[i] == 0) return true;
    if (sizes[i] != 1) {
      if (strides[i] != step) {
        // An empty tensor is contiguous whatever its strides.
        for (int j = 0; j < i; ++j) {
          if (sizes[j] == 0) return true;
        }
        return false;
      }
      step *= sizes[i];
    }
  }
  return true;
}

Tensor empty(const Dims& sizes, DType dtype) {
  const Index bytes = checked_multiply(numel_of(sizes), static_cast<Index>(item_size(dtype)), sizes);
  return {allocate_storage(static_cast<std::size_t>(bytes)), 0, sizes, contiguous_strides(sizes), dtype};
}

Tensor empty_like(const Tensor& t) { return empty(t.sizes, t.dtype); }

Dims memory_order(const Tensor& t) {
  Dims order(t.dim());
  for (int d = 0; d < t.dim(); ++d) order[d] = d;
  // Whether dimension a belongs inside (1) or outside (-1) of b; 0 where that cannot be said.
  const auto inside = [&t](Index a, Index b) {
    const Index x = t.strides[static_cast<int>(a)], y = t.strides[static_cast<int>(b)];
    if (x == 0 || y == 0) return 0;
    if (x != y) return x < y ? 1 : -1;
    return t.sizes[static_cast<int>(a)] < t.sizes[static_cast<int>(b)] ? 1 : 0;
  };
  // Insertion sort, from the last dimension to the first, past the dimensions that cannot be compared.
  for (int i = t.dim() - 2; i >= 0; --i) {
    for (int at = i, other = i + 1; other < t.dim(); ++other) {
      const int place = inside(order[at], order[other]);
      if (place < 0) break;
      if (place == 0) continue;
      std::swap(order[at], order[other]);
      at = other;
    }
  }
  return order;
}

void check_writable(const char* op, const Tensor& t) {
  if (t.storage->read_only) {
    fail(op, ": the tensor shares memory with a read-only array; write to tensor.clone() instead");
  }
}

int wrap_dim(Index dim, int n, const char* op) {
  const Index limit = n == 0 ? 1 : n;
  if (dim < -limit || dim >= limit) {
    fail(ErrorKind::index, op, ": Dimension out of range (expected to be in range of [", -limit, ", ", limit - 1,
         "], but got ", dim, ")");
  }
  return static_cast<int>(dim < 0 ? dim + limit : dim);
}

}  // namespace fastgrad
