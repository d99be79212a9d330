#include "bindings/data.h"

#include <cstring>
#include <memory>

#include "bindings/exchange.h"
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

// Nested sequences

constexpr int deepest = Dims::max_size;

bool is_text(PyObject* object) { return PyUnicode_Check(object) || PyBytes_Check(object); }

bool has_elements(PyObject* object) {
  return is_tensor(object) || PyList_Check(object) || PyTuple_Check(object) ||
         (!is_text(object) && !is_number(object) && (PyObject_CheckBuffer(object) || PySequence_Check(object)));
}

bool is_array(PyObject* object) {
  return is_tensor(object) || (!is_text(object) && (PyObject_CheckBuffer(object) || offers_dlpack(object)));
}

Tensor as_array(PyObject* object) {
  if (is_batched(object)) throw BatchedArgument();
  if (is_tensor(object)) return as_py_tensor(object)->tensor;
  return PyObject_CheckBuffer(object) ? tensor_on_buffer(object) : tensor_on_dlpack(object);
}

// Inside a sequence a tensor stands for its only element.
bool is_nested_number(PyObject* object, int depth) { return depth > 0 && is_tensor(object); }

// The shape of the first path down; `fill` verifies the others.
void discover_shape(PyObject* data, Dims& shape) {
  if (is_nested_number(data, shape.size())) return;
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
  if (!has_elements(data) && !is_number(data) && !is_text(data)) {
    fail("tensor: Could not infer dtype of ", Py_TYPE(data)->tp_name);
  }
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
  if (is_nested_number(data, depth)) {
    const Tensor element = as_array(data);
    if (element.numel() != 1 || out.dim() > 0) {
      fail(ErrorKind::value, "tensor: only one element tensors can be converted to Python scalars, got shape ",
           element.sizes, " inside a sequence; use stack() or cat()");
    }
    write_scalar(ops::item(element), out.dtype, out.raw());
    return;
  }
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
  if (is_batched(object)) throw BatchedArgument();
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
    const DeviceGuard there(from.device());
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

// By value: making lists can run code of the user's, which may give the tensor other memory.
PyObject* nested_list(Tensor t) { return nested(t, static_cast<const char*>(t.raw()), 0); }

}  // namespace fastgrad
