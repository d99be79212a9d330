// The buffer protocol.
#include <bit>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bindings/exchange.h"
#include "bindings/tensor_type.h"

namespace fastgrad {
namespace {

// The buffer protocol's element codes. Sizes decide among the integer codes, whose widths are the platform's.
std::optional<DType> dtype_of_format(std::string code, Py_ssize_t width) {
  if (!code.empty() && (code[0] == '@' || code[0] == '=' || code[0] == '<')) code.erase(0, 1);
  if (code == "?") return DType::boolean;
  if (code == "B") return DType::uint8;
  if (code == "b") return DType::int8;
  if (code == "h") return DType::int16;
  if (code == "e") return DType::float16;
  if (code == "f") return DType::float32;
  if (code == "d") return DType::float64;
  if (code == "i" || code == "l" || code == "q") return width == 4 ? DType::int32 : DType::int64;
  return std::nullopt;
}

const char* format_of(DType t) {
  // NumPy tells long from long long, and its int64 is the first of them that has 64 bits.
  constexpr const char* int64 = sizeof(long) == 8 ? "l" : "q";
  constexpr const char* formats[dtype_count] = {"?", "B", "b", "h", "i", int64, "e", nullptr, "f", "d"};
  return formats[static_cast<int>(t)];
}

// What an error calls the elements: NumPy's name of the type, or the code.
std::string element_name(PyObject* object, const std::string& format) {
  PyObject* dtype = PyObject_GetAttrString(object, "dtype");
  PyObject* text = dtype == nullptr ? nullptr : PyObject_Str(dtype);
  const char* name = text == nullptr ? nullptr : PyUnicode_AsUTF8(text);
  const std::string found = name == nullptr ? "format '" + format + "'" : name;
  PyErr_Clear();
  Py_XDECREF(text);
  Py_XDECREF(dtype);
  return found;
}

[[noreturn]] void refuse_elements(PyObject* object, const std::string& format) {
  fail(ErrorKind::type, "can't convert a ", Py_TYPE(object)->tp_name, " of type ", element_name(object, format),
       ". The only supported types are: float64, float32, float16, int64, int32, int16, int8, uint8, and bool; "
       "convert it with .astype(...)");
}

DType supported_dtype(PyObject* object, const Py_buffer& view) {
  const std::string format = view.format == nullptr ? "B" : view.format;
  const char foreign_order = std::endian::native == std::endian::little ? '>' : '<';
  if (format.size() == 2 && (format[0] == foreign_order || (format[0] == '!' && foreign_order == '>'))) {
    fail(ErrorKind::value,
         "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
         "currently not supported; convert it with array.astype(array.dtype.newbyteorder('='))");
  }
  const std::optional<DType> dtype = dtype_of_format(format, view.itemsize);
  if (!dtype || static_cast<Py_ssize_t>(item_size(*dtype)) != view.itemsize) refuse_elements(object, format);
  return *dtype;
}

void release_exporter(void* owner) {
  if (!Py_IsInitialized()) return;
  const PyGILState_STATE state = PyGILState_Ensure();
  auto* view = static_cast<Py_buffer*>(owner);
  PyBuffer_Release(view);
  delete view;
  PyGILState_Release(state);
}

// The object's buffer, for writing if it allows that; null with a Python exception if there is none.
std::unique_ptr<Py_buffer> get_buffer(PyObject* object, int flags) {
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(object, view.get(), flags | PyBUF_WRITABLE) == 0) return view;
  PyErr_Clear();
  if (PyObject_GetBuffer(object, view.get(), flags) == 0) return view;
  return nullptr;
}

// Storage that releases the buffer, also when a later check throws.
StorageRef storage_on(std::unique_ptr<Py_buffer> view) {
  Py_buffer* const v = view.release();
  StorageRef storage = foreign_storage(v->buf, static_cast<std::size_t>(v->len), release_exporter, v);
  storage->read_only = v->readonly != 0;
  return storage;
}

// Strides in elements.
Dims element_strides(const Py_buffer& view, Index width) {
  Dims strides(view.ndim);
  for (int d = 0; d < view.ndim; ++d) {
    if (view.strides[d] % width != 0) {
      fail(ErrorKind::value, "a stride of the array (", view.strides[d], " bytes) is not a multiple of its ", width,
           "-byte elements; pass array.copy()");
    }
    strides[d] = view.strides[d] / width;
  }
  return strides;
}

// What lives as long as an exported buffer: its shape and strides, and the memory itself, which the tensor may
// exchange for another meanwhile (x.data = y).
struct Exported {
  StorageRef storage;
  std::vector<Py_ssize_t> shape, strides;
};

// Why a tensor cannot be exported as asked, or null.
const char* refusal(const Tensor& x, int flags) {
  if (x.storage->read_only && (flags & PyBUF_WRITABLE) != 0) return "the tensor's memory is read-only";
  const bool any_strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES;
  const bool wants_rows = (flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS || !any_strides;
  if (wants_rows && !x.is_contiguous()) return "the tensor is not contiguous; use tensor.contiguous()";
  return nullptr;
}

}  // namespace

Tensor tensor_on_buffer(PyObject* object) {
  std::unique_ptr<Py_buffer> view = get_buffer(object, PyBUF_RECORDS_RO);
  if (view == nullptr) {
    if (!PyErr_ExceptionMatches(PyExc_ValueError)) throw PythonError{};
    // NumPy's word for elements that the protocol has no code for, such as dates.
    PyErr_Clear();
    refuse_elements(object, "?");
  }
  const Py_buffer& v = *view;
  const StorageRef storage = storage_on(std::move(view));
  const DType dtype = supported_dtype(object, v);
  Dims sizes(v.ndim);
  for (int d = 0; d < v.ndim; ++d) sizes[d] = v.shape[d];
  return foreign_tensor("array", storage, sizes, element_strides(v, static_cast<Index>(item_size(dtype))), dtype);
}

Tensor bytes_of_buffer(PyObject* object) {
  if (!PyObject_CheckBuffer(object)) {
    fail(ErrorKind::value, "object does not implement Python buffer protocol (got ", Py_TYPE(object)->tp_name, ")");
  }
  std::unique_ptr<Py_buffer> view = get_buffer(object, PyBUF_SIMPLE);
  if (view == nullptr) throw PythonError{};
  const StorageRef storage = storage_on(std::move(view));
  return {storage, 0, {static_cast<Index>(storage->bytes)}, {1}, DType::uint8};
}

int export_buffer(PyObject* self, Py_buffer* view, int flags) {
  view->obj = nullptr;
  try {
    if (is_batched(self)) throw BatchedArgument();
    PyTensor* t = as_py_tensor(self);
    if (requires_grad(t)) {
      fail(ErrorKind::buffer, "can't export the memory of a Tensor that requires grad; use tensor.detach()");
    }
    const Tensor& x = t->tensor;
    if (x.device().is_cuda()) {
      fail(ErrorKind::type, "can't convert ", x.device(),
           " device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.");
    }
    if (format_of(x.dtype) == nullptr) {
      fail(ErrorKind::type, "other libraries' arrays have no ", dtype_name(x.dtype), "; use tensor.float()");
    }
    if (const char* why = refusal(x, flags)) fail(ErrorKind::buffer, why);
    auto exported = std::make_unique<Exported>();
    exported->storage = x.storage;
    const auto width = static_cast<Py_ssize_t>(item_size(x.dtype));
    for (int d = 0; d < x.dim(); ++d) {
      exported->shape.push_back(x.sizes[d]);
      exported->strides.push_back(x.strides[d] * width);
    }
    view->buf = x.raw();
    view->len = x.numel() * width;
    view->readonly = x.storage->read_only;
    view->itemsize = width;
    view->format = (flags & PyBUF_FORMAT) != 0 ? const_cast<char*>(format_of(x.dtype)) : nullptr;
    view->ndim = x.dim();
    view->shape = (flags & PyBUF_ND) != 0 ? exported->shape.data() : nullptr;
    view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? exported->strides.data() : nullptr;
    view->suboffsets = nullptr;
    view->internal = exported.release();
    Py_INCREF(self);
    view->obj = self;
    return 0;
  } catch (...) {
    translate_exception();
    return -1;
  }
}

void release_buffer(PyObject*, Py_buffer* view) { delete static_cast<Exported*>(view->internal); }

}  // namespace fastgrad
