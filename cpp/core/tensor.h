// A tensor as C++ sees it: storage and the geometry of a view into it.
#pragma once

#include <cstddef>
#include <utility>

#include "core/buffer.h"
#include "core/dims.h"
#include "core/dtype.h"

namespace fastgrad {

// a * b and a + b for sizes; an overflow is an error that names the shape being made.
Index checked_multiply(Index a, Index b, const Dims& shape);
// The number of elements of a shape.
Index numel_of(const Dims& shape);
Dims contiguous_strides(const Dims& shape);

struct Tensor {
  StorageRef storage;
  Index offset = 0;  // in elements
  Dims sizes;
  Dims strides;  // in elements
  DType dtype = DType::float32;

  int dim() const { return sizes.size(); }
  Index numel() const;
  bool is_contiguous() const;

  Device device() const { return storage->device; }

  // For code that runs on the host: memory of a CUDA device is refused.
  void* raw() const {
    check_host();
    return address();
  }
  template <class T>
  T* data() const {
    check_host();
    return static_cast<T*>(storage->data) + offset;
  }
  void check_host() const {
    if (storage->device.is_cuda()) [[unlikely]]
      fail_no_kernel();
  }
  // The same on whatever device.
  void* address() const { return static_cast<char*>(storage->data) + offset * static_cast<Index>(item_size(dtype)); }

  // The same storage under another geometry. The caller guarantees that it lies inside.
  Tensor view(Dims new_sizes, Dims new_strides, Index new_offset) const {
    return {storage, new_offset, std::move(new_sizes), std::move(new_strides), dtype};
  }
};

Tensor empty(const Dims& sizes, DType dtype);
Tensor empty_like(const Tensor& t);

// The dimensions in the order in which the memory runs through them, the slowest first. Dimensions that are repeated
// (stride 0) stay where they are, as in PyTorch.
Dims memory_order(const Tensor& t);

// Throws when the tensor's memory may not be written (from_numpy of a read-only array).
void check_writable(const char* op, const Tensor& t);
// Marks an in-place change. Call after check_writable, before or after the write.
inline void bump_version(const Tensor& t) { ++t.storage->version; }

// A dimension in [-n, n), wrapped; IndexError in PyTorch's words otherwise. n = 0 counts as 1, as in PyTorch.
int wrap_dim(Index dim, int n, const char* op);

}  // namespace fastgrad
