#include "bindings/data.h"

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "bindings/tensor_type.h"
#include "ops/ops.h"

namespace fastgrad {
namespace {

struct Decref {
  void operator()(PyObject* object) const { Py_XDECREF(object); }
};
using Owned = std::unique_ptr<PyObject, Decref>;

Owned owned(PyObject* object) {
  if (object == nullptr) throw PythonError{};
  return Owned(object);
}

// Element i of a list or tuple. Converting an element can run code of the user's, which may change the list.
Owned element_at(const Owned& items, Py_ssize_t i) {
  if (i >= PySequence_Fast_GET_SIZE(items.get())) {
    fail(ErrorKind::value, "tensor: the sequence changed its length while it was read");
  }
  PyObject* element = PySequence_Fast_GET_ITEM(items.get(), i);
  Py_INCREF(element);
  return Owned(element);
}

// The buffer protocol's element codes. Sizes decide among the integer codes, whose widths are the platform's.
std::optional<DType> dtype_of_format(const char* format, Py_ssize_t width) {
  std::string code = format == nullptr ? "B" : format;
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
  constexpr const char* formats[dtype_count] = {"?", "B", "b", "h", "i", "q", "e", nullptr, "f", "d"};
  return formats[static_cast<int>(t)];
}

void release_exporter(void* owner) {
  if (!Py_IsInitialized()) return;
  const PyGILState_STATE state = PyGILState_Ensure();
  auto* view = static_cast<Py_buffer*>(owner);
  PyBuffer_Release(view);
  delete view;
  PyGILState_Release(state);
}

DType supported_dtype(PyObject* object, const Py_buffer& view) {
  const std::optional<DType> dtype = dtype_of_format(view.format, view.itemsize);
  if (dtype) return *dtype;
  fail(ErrorKind::type, "can't convert a ", Py_TYPE(object)->tp_name, " with elements of format '",
       view.format == nullptr ? "B" : view.format,
       "'; the supported types are: float64, float32, float16, int64, int32, int16, int8, "
       "uint8 and bool; convert it with .astype(...)");
}

// Nested sequences

constexpr int deepest = Dims::max_size;

bool is_text(PyObject* object) { return PyUnicode_Check(object) || PyBytes_Check(object); }

bool has_elements(PyObject* object) {
  return is_tensor(object) || PyList_Check(object) || PyTuple_Check(object) ||
         (!is_text(object) && !is_number(object) && (PyObject_CheckBuffer(object) || PySequence_Check(object)));
}

bool is_array(PyObject* object) { return is_tensor(object) || (!is_text(object) && PyObject_CheckBuffer(object)); }

Tensor as_array(PyObject* object) {
  return is_tensor(object) ? as_py_tensor(object)->tensor : tensor_on_buffer(object);
}

// The shape of the first path down; `fill` verifies the others.
void discover_shape(PyObject* data, Dims& shape) {
  if (is_array(data)) {
    for (Index n : as_array(data).sizes) shape.push_back(n);
    return;
  }
  if (!has_elements(data)) return;
  if (shape.size() >= deepest) fail(ErrorKind::value, "tensor: too many nested sequences (more than ", deepest, ")");
  const Owned items = owned(PySequence_Fast(data, "tensor: expected a sequence"));
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(items.get());
  shape.push_back(n);
  if (n > 0) discover_shape(element_at(items, 0).get(), shape);
}

DType discover_dtype(PyObject* data, int depth) {
  // Python's own numbers. NumPy's, some of which derive from float, come with a dtype.
  if (PyFloat_CheckExact(data) || PyLong_Check(data)) return scalar_dtype(scalar_from(data));
  if (is_array(data)) return as_array(data).dtype;
  if (!has_elements(data) || depth > deepest) return scalar_dtype(scalar_from(data));
  const Owned items = owned(PySequence_Fast(data, "tensor: expected a sequence"));
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(items.get());
  if (n == 0) return depth == 0 ? default_dtype() : DType::boolean;
  DType dtype = DType::boolean;
  for (Py_ssize_t i = 0; i < n; ++i) {
    dtype = promote_types(dtype, discover_dtype(element_at(items, i).get(), depth + 1));
  }
  return dtype;
}

// Only empty lists: no number says what the type is.
DType inferred_dtype(PyObject* data, const Dims& shape) {
  return numel_of(shape) == 0 && !is_array(data) ? default_dtype() : discover_dtype(data, 0);
}

void fill(const Tensor& out, PyObject* data, int depth) {
  if (is_array(data)) {
    const Tensor from = as_array(data);
    if (!(from.sizes == out.sizes)) {
      fail(ErrorKind::value, "tensor: expected an element of shape ", out.sizes, " at dim ", depth, " (got ",
           from.sizes, ")");
    }
    ops::copy_(out, from);
    return;
  }
  if (out.dim() == 0) {
    if (has_elements(data)) fail(ErrorKind::value, "tensor: expected a number at dim ", depth, ", got a sequence");
    write_scalar(scalar_from(data), out.dtype, out.raw());
    return;
  }
  if (!has_elements(data)) {
    fail(ErrorKind::type, "tensor: expected a sequence of length ", out.sizes[0], " at dim ", depth, ", got ",
         Py_TYPE(data)->tp_name);
  }
  const Owned items = owned(PySequence_Fast(data, "tensor: expected a sequence"));
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(items.get());
  if (n != out.sizes[0]) {
    fail(ErrorKind::value, "tensor: expected sequence of length ", out.sizes[0], " at dim ", depth, " (got ", n, ")");
  }
  if (out.dim() == 1) {
    char* to = static_cast<char*>(out.raw());
    const auto step = static_cast<Index>(item_size(out.dtype));
    for (Py_ssize_t i = 0; i < n; ++i) {
      const Owned element = element_at(items, i);
      if (is_number(element.get())) {
        write_scalar(scalar_from(element.get()), out.dtype, to + i * step);
      } else {
        fill(ops::select(out, 0, i), element.get(), depth + 1);
      }
    }
    return;
  }
  for (Py_ssize_t i = 0; i < n; ++i) fill(ops::select(out, 0, i), element_at(items, i).get(), depth + 1);
}

PyObject* element_of(const char* at, DType dtype) {
  return visit_every_dtype(dtype, [&](auto tag) -> PyObject* {
    using T = typename decltype(tag)::type;
    T value;
    std::memcpy(&value, at, sizeof value);
    if constexpr (is_half_type<T>) {
      return PyFloat_FromDouble(static_cast<double>(to_float(value)));
    } else if constexpr (std::is_same_v<T, bool>) {
      return PyBool_FromLong(value);
    } else if constexpr (std::is_integral_v<T>) {
      return PyLong_FromLongLong(value);
    } else {
      return PyFloat_FromDouble(value);
    }
  });
}

PyObject* nested(const Tensor& t, const char* at, int dim) {
  if (dim == t.dim()) return element_of(at, t.dtype);
  Owned list = owned(PyList_New(t.sizes[dim]));
  const Index step = t.strides[dim] * static_cast<Index>(item_size(t.dtype));
  for (Index i = 0; i < t.sizes[dim]; ++i)
    PyList_SET_ITEM(list.get(), i, owned(nested(t, at + i * step, dim + 1)).release());
  return list.release();
}

}  // namespace

bool is_number(PyObject* object) {
  if (PyFloat_Check(object) || PyLong_Check(object)) return true;
  if (is_tensor(object) || is_text(object)) return false;
  // NumPy's numbers: they convert, and have no length.
  const PyTypeObject* type = Py_TYPE(object);
  const bool converts =
      PyIndex_Check(object) || (type->tp_as_number != nullptr && type->tp_as_number->nb_float != nullptr);
  const bool sized = (type->tp_as_sequence != nullptr && type->tp_as_sequence->sq_length != nullptr) ||
                     (type->tp_as_mapping != nullptr && type->tp_as_mapping->mp_length != nullptr);
  return converts && !sized;
}

Scalar scalar_from(PyObject* object) {
  if (PyBool_Check(object)) return Scalar::of(object == Py_True);
  if (PyFloat_Check(object)) return Scalar::of(PyFloat_AS_DOUBLE(object));
  if (is_tensor(object)) return ops::item(as_py_tensor(object)->tensor);
  if (PyComplex_Check(object)) fail(ErrorKind::type, "complex numbers are not supported");
  if (PyIndex_Check(object)) {
    const Owned number = owned(PyNumber_Index(object));
    const long long value = PyLong_AsLongLong(number.get());
    if (value == -1 && PyErr_Occurred()) {
      PyErr_Clear();
      fail("Overflow when unpacking long: the integer does not fit in 64 bits; pass a float instead");
    }
    return Scalar::of(static_cast<Index>(value));
  }
  const PyNumberMethods* number = Py_TYPE(object)->tp_as_number;
  if (number != nullptr && number->nb_float != nullptr) {
    const double value = PyFloat_AsDouble(object);
    if (value == -1.0 && PyErr_Occurred()) throw PythonError{};
    // numpy.bool is no integer to Python, but its name says what it is.
    if (std::strncmp(Py_TYPE(object)->tp_name, "numpy.bool", 10) == 0) return Scalar::of(value != 0);
    return Scalar::of(value);
  }
  fail(ErrorKind::type, "expected a number, got ", Py_TYPE(object)->tp_name);
}

PyObject* wrap_scalar(const Scalar& value) {
  switch (value.kind) {
    case Scalar::Kind::boolean:
      return PyBool_FromLong(value.integer != 0);
    case Scalar::Kind::integer:
      return PyLong_FromLongLong(value.integer);
    default:
      return PyFloat_FromDouble(value.floating);
  }
}

Tensor tensor_from(PyObject* data, std::optional<DType> dtype) {
  if (is_array(data)) {
    const Tensor from = as_array(data);
    return ops::cast(from, dtype.value_or(from.dtype));
  }
  if (is_text(data)) fail(ErrorKind::type, "tensor: cannot make a tensor of text; got ", Py_TYPE(data)->tp_name);
  Dims shape;
  discover_shape(data, shape);
  const Tensor out = empty(shape, dtype ? *dtype : inferred_dtype(data, shape));
  fill(out, data, 0);
  out.storage->version = 0;
  return out;
}

Tensor tensor_on_buffer(PyObject* object) {
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(object, view.get(), PyBUF_RECORDS) != 0) {
    PyErr_Clear();
    if (PyObject_GetBuffer(object, view.get(), PyBUF_RECORDS_RO) != 0) throw PythonError{};
  }
  // From here on `storage` releases the buffer, also when a check throws.
  Py_buffer* const v = view.release();
  const StorageRef storage = foreign_storage(v->buf, static_cast<std::size_t>(v->len), release_exporter, v);
  storage->read_only = v->readonly != 0;
  const DType dtype = supported_dtype(object, *v);
  const auto width = static_cast<Index>(item_size(dtype));
  Dims sizes(v->ndim), strides(v->ndim);
  Index last = 0;
  for (int d = 0; d < v->ndim; ++d) {
    sizes[d] = v->shape[d];
    if (v->strides[d] < 0) {
      fail(ErrorKind::value,
           "from_numpy: at least one stride of the array is negative, which tensors with shared memory "
           "cannot have; pass array.copy()");
    }
    if (v->strides[d] % width != 0) {
      fail(ErrorKind::value, "from_numpy: a stride of the array (", v->strides[d], " bytes) is not a multiple of the ",
           width, "-byte element; pass array.copy()");
    }
    strides[d] = v->strides[d] / width;
    if (sizes[d] > 0) last += strides[d] * (sizes[d] - 1);
  }
  if (reinterpret_cast<std::uintptr_t>(v->buf) % static_cast<std::size_t>(width) != 0) {
    fail(ErrorKind::value, "from_numpy: the array's memory is not aligned to its ", width,
         "-byte elements; pass array.copy()");
  }
  storage->bytes = static_cast<std::size_t>((last + 1) * width);  // v->len leaves out the gaps of a strided array
  return {storage, 0, sizes, strides, dtype};
}

PyObject* nested_list(const Tensor& t) { return nested(t, static_cast<const char*>(t.raw()), 0); }

// What lives as long as an exported buffer: its shape and strides, and the memory itself, which the tensor may
// exchange for another meanwhile (x.data = y).
struct Exported {
  StorageRef storage;
  std::vector<Py_ssize_t> shape, strides;
};

int export_buffer(PyObject* self, Py_buffer* view, int flags) {
  view->obj = nullptr;
  try {
    PyTensor* t = as_py_tensor(self);
    if (requires_grad(t)) {
      PyErr_SetString(PyExc_BufferError, "can't export the memory of a Tensor that requires grad; use tensor.detach()");
      return -1;
    }
    const Tensor& x = t->tensor;
    if (x.dtype == DType::bfloat16) {
      PyErr_SetString(PyExc_TypeError, "other libraries' arrays have no bfloat16; use tensor.float()");
      return -1;
    }
    const bool needs_rows = (flags & PyBUF_STRIDES) != PyBUF_STRIDES;
    if ((needs_rows && !x.is_contiguous()) || ((flags & PyBUF_WRITABLE) != 0 && x.storage->read_only)) {
      PyErr_SetString(PyExc_BufferError, x.storage->read_only
                                             ? "the tensor's memory is read-only"
                                             : "the tensor is not contiguous; use tensor.contiguous()");
      return -1;
    }
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
    view->strides = needs_rows ? nullptr : exported->strides.data();
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
