// What memory of others must be like for a tensor to lie on it.
#include "bindings/exchange.h"

#include "core/error.h"

namespace fastgrad {
namespace {

// Kernels count on bools that are 0 or 1.
bool holds_bools(const std::uint8_t* at, const Tensor& t, int dim) {
  if (dim == t.dim()) return *at <= 1;
  const Index n = t.strides[dim] == 0 && t.sizes[dim] > 0 ? 1 : t.sizes[dim];
  const Index step = t.strides[dim];
  if (dim + 1 < t.dim()) {
    for (Index i = 0; i < n; ++i) {
      if (!holds_bools(at + i * step, t, dim + 1)) return false;
    }
    return true;
  }
  std::uint8_t bits = 0;
  for (Index i = 0; i < n; ++i) bits |= at[i * step];
  return bits <= 1;
}

void check_bools(const char* source, const Tensor& t) {
  if (t.device().is_cuda()) return;  // it would have to be waited for
  if (t.dtype == DType::boolean && t.numel() > 0 && !holds_bools(t.data<std::uint8_t>(), t, 0)) {
    fail(ErrorKind::value, "the ", source,
         " of bools holds bytes that are neither 0 nor 1; take it as uint8, and compare: tensor != 0");
  }
}

void check_aligned(const char* source, const void* at, Index width) {
  if (reinterpret_cast<std::uintptr_t>(at) % static_cast<std::uintptr_t>(width) != 0) {
    fail(ErrorKind::value, "the memory of the ", source, " is not aligned to ", width,
         "-byte elements; pass a copy, such as array.copy()");
  }
}

// Of a storage's end, in any thread.
void release_object(void* owner) {
  if (!Py_IsInitialized()) return;
  const PyGILState_STATE state = PyGILState_Ensure();
  Py_DECREF(static_cast<PyObject*>(owner));
  PyGILState_Release(state);
}

// One more than the place of the last element.
Index extent_of(const Dims& sizes, const Dims& strides) {
  if (numel_of(sizes) == 0) return 0;
  Index last = 0;
  for (int d = 0; d < sizes.size(); ++d) {
    Index reach;
    if (__builtin_mul_overflow(sizes[d] - 1, strides[d], &reach) || __builtin_add_overflow(last, reach, &last)) {
      fail(ErrorKind::value, "shape ", sizes, " and strides ", strides, " reach beyond what 64-bit integers can count");
    }
  }
  return last + 1;
}

}  // namespace

Tensor foreign_tensor(const char* source, const StorageRef& storage, const Dims& sizes, const Dims& strides,
                      DType dtype) {
  for (Index step : strides) {
    if (step < 0) {
      fail(ErrorKind::value, "at least one stride of the ", source,
           " is negative, and tensors with negative strides are not supported; pass a copy, such as array.copy()");
    }
  }
  const Index elements = extent_of(sizes, strides);
  if (elements > 0 && storage->data == nullptr) {
    fail(ErrorKind::value, "the ", source, " of shape ", sizes, " has no memory (a null address)");
  }
  const auto width = static_cast<Index>(item_size(dtype));
  check_aligned(source, storage->data, width);
  storage->bytes = static_cast<std::size_t>(checked_multiply(elements, width, sizes));
  Tensor out{storage, 0, sizes, strides, dtype};
  check_bools(source, out);
  return out;
}

StorageRef kept_memory(void* data, PyObject* owner) {
  Py_INCREF(owner);
  return foreign_storage(data, 0, release_object, owner);
}

Tensor storage_bytes(const Tensor& t) {
  return {t.storage, 0, {static_cast<Index>(t.storage->bytes)}, {1}, DType::uint8};
}

Tensor reinterpreted(const Tensor& bytes, DType dtype) {
  const auto width = static_cast<Index>(item_size(dtype));
  if (bytes.dtype != DType::uint8 || bytes.dim() != 1 || !bytes.is_contiguous() || bytes.numel() % width != 0) {
    fail(ErrorKind::value, "expected a row of bytes to read as ", dtype_name(dtype), ", got ", dtype_name(bytes.dtype),
         " of shape ", bytes.sizes);
  }
  check_aligned("buffer", bytes.address(), width);
  if (bytes.offset % width != 0) {
    fail(ErrorKind::value, "the bytes begin at ", bytes.offset, ", which is no multiple of ", width);
  }
  Tensor out{bytes.storage, bytes.offset / width, {bytes.numel() / width}, {1}, dtype};
  check_bools("buffer", out);
  return out;
}

}  // namespace fastgrad
